/** Another user of a test's hub, with a token of their own, and sockets of whoever has a token. */
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { subprotocol } from '@meshbook/core/frames.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { atEnd } from './at-end.ts'
import { rawRequest } from './raw-request.ts'
import type { TestDevice } from './test-device.ts'
import type { TestHub } from './test-hub.ts'

export interface TestUser {
  name: string
  token: string
  org: OrgId
  /** Of the user. */
  id: string
  cookie: string
  api(method: string, path: string, body?: unknown, token?: string): Promise<Response>
  status(method: string, path: string, body?: unknown, token?: string): Promise<number>
  json<T>(method: string, path: string, body?: unknown): Promise<T>
}

export async function addTestUser(test: TestHub, name: string): Promise<TestUser> {
  const link = new URL(await test.hub.addUser(name))
  const origin = new URL(test.hub.url).origin
  const json = { 'content-type': 'application/json', origin }
  const body = JSON.stringify({ code: link.hash.slice(1) })
  const signedIn = await rawRequest(`${test.hub.url}/api/v1/auth/link`, { method: 'POST', headers: json, body })
  const cookie = String(signedIn.headers['set-cookie']).split(';', 1)[0]!
  const post = await rawRequest(`${test.hub.url}/api/v1/tokens`, {
    method: 'POST',
    headers: { ...json, cookie },
    body: '{"name":"test"}',
  })
  const { token } = JSON.parse(post.text) as { token: string }
  const user = userWith(test, name, token, cookie)
  const me = await user.json<{ org: OrgId }>('GET', '/me')
  return { ...user, org: me.org }
}

function userWith(test: TestHub, name: string, token: string, cookie: string): TestUser {
  const api: TestUser['api'] = (method, path, body, with_ = token) =>
    test.api(method, path, body, { authorization: `Bearer ${with_}` })
  return {
    name,
    token,
    cookie,
    org: '' as OrgId,
    id: '',
    api,
    status: async (...asked) => {
      const answer = await api(...asked)
      await answer.body?.cancel()
      return answer.status
    },
    async json<T>(method: string, path: string, body?: unknown) {
      const answer = await api(method, path, body)
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${name}: ${method} ${path}: ${answer.status} ${text}`)
      return (text === '' ? undefined : JSON.parse(text)) as T
    },
  }
}

/** Makes the user a member of the test's project; resolves with the id of the user. */
export async function makeMember(test: TestHub, user: TestUser, roles: string[]): Promise<string> {
  const path = `/projects/${test.project.id}/members`
  user.id = (await test.json<{ id: string }>('POST', path, { user: user.name, roles })).id
  return user.id
}

export async function setRoles(test: TestHub, user: TestUser, roles: string[]): Promise<void> {
  const path = `/projects/${test.project.id}/members/${user.id}`
  await test.json(roles.length === 0 ? 'DELETE' : 'PATCH', path, roles.length === 0 ? undefined : { roles })
}

export interface TestSync {
  doc: Y.Doc
  client: SyncClient
  socket: WebSocket
  /** Code of the close, once it is closed, and when. */
  closed: Promise<{ code: number; reason: string; at: number }>
}

/** A connection of `/sync` with a token. */
export async function openSync(t: TestContext, test: TestHub, path: string, token: string): Promise<TestSync> {
  const doc = new Y.Doc()
  const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/${path}`, [subprotocol], {
    headers: { authorization: `Bearer ${token}` },
  })
  const closed = new Promise<{ code: number; reason: string; at: number }>(resolve =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString(), at: performance.now() })),
  )
  const client = new SyncClient({
    doc,
    onStatus: () => undefined,
    send: frame => socket.readyState === WebSocket.OPEN && socket.send(frame),
  })
  socket.on('open', () => client.opened({ extensions: true }))
  socket.on('message', (frame: Buffer) => client.receive(frame))
  socket.on('error', () => socket.terminate())
  atEnd(t, () => {
    socket.terminate()
    doc.destroy()
  })
  await Promise.race([once(socket, 'open'), closed])
  return { doc, client, socket, closed }
}

/** A device that belongs to the user. */
export async function addTestDevice(user: Pick<TestUser, 'json'>, device: TestDevice): Promise<void> {
  await user.json('POST', '/devices', { publicKey: device.publicKey, name: device.name, kind: 'desktop' })
}
