import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { startDevice } from '../device.ts'
import { ScriptedKernels } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
const project: ProjectInfo = { id: make('project'), name: 'p', owner: 'me', tree: make('document') }

async function start(t: TestContext, at?: { data: string; folder: string }) {
  const { data, folder } = at ?? { data: await temporaryFolder(), folder: await temporaryFolder() }
  const device = await startDevice(
    {
      folder: data,
      name: 'Desk',
      kind: 'desktop',
      limits: { ...limits, fileDebounceMs: 20 },
      kernels: new ScriptedKernels(),
      projectsFolder: data,
    },
    { now: Date.now, random: systemRandom, log: silent },
  )
  t.after(() => device.close())
  if (!at) {
    await writeFile(join(folder, 'a.md'), '# A\n')
    await device.attach({ project, folder })
  }
  const loopback = await device.serveLoopback({ port: 0, webFolder: null })
  return { device, loopback, data, folder }
}

type World = Awaited<ReturnType<typeof start>>

interface Shown {
  method?: string
  headers?: Record<string, string>
  body?: unknown
}

/** As a program that can say any Host. */
function ask({ loopback }: World, path: string, { method = 'GET', headers = {}, body }: Shown = {}) {
  return new Promise<{ status: number; cookie: string; text: string }>((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const all = { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers }
    const asked = request(new URL(path, loopback.url), { method, headers: all }, response => {
      let answer = ''
      response.setEncoding('utf8').on('data', chunk => (answer += chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          cookie: (response.headers['set-cookie']?.[0] ?? '').split(';')[0]!,
          text: answer,
        }),
      )
    })
    asked.on('error', reject)
    asked.end(text)
  })
}

const bearer = (world: World) => ({ authorization: `Bearer ${world.loopback.token}` })
const codeOf = (link: string) => new URL(link).hash.slice(1)

async function cookieOf(world: World): Promise<string> {
  const code = codeOf(world.loopback.signInLink())
  const { status, cookie } = await ask(world, '/api/v1/auth/link', { method: 'POST', body: { code } })
  assert.equal(status, 204)
  return cookie
}

function statusOfUpgrade({ loopback }: World, path: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(`${loopback.url.replace('http', 'ws')}${path}`, { headers })
  return new Promise(resolve => {
    socket.on('open', () => {
      resolve(101)
      socket.close()
    })
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode!))
    socket.on('error', () => undefined)
  })
}

test('LO1 a Host that is not this machine and a page of another origin are refused, for requests and upgrades (S5)', async t => {
  const world = await start(t)
  const cookie = await cookieOf(world)
  for (const headers of [
    { ...bearer(world), host: 'evil.example' },
    { ...bearer(world), host: `evil.example:${new URL(world.loopback.url).port}` },
    { cookie, origin: 'https://evil.example' },
    { cookie, 'sec-fetch-site': 'cross-site' },
  ]) {
    assert.equal((await ask(world, '/api/v1/projects', { headers })).status, 403, JSON.stringify(headers))
    assert.equal(await statusOfUpgrade(world, '/sync/me/p/a.md', headers), 403, JSON.stringify(headers))
  }
  const { origin } = new URL(world.loopback.url)
  assert.equal((await ask(world, '/api/v1/projects', { headers: { cookie, origin } })).status, 200)
  assert.equal(await statusOfUpgrade(world, '/sync/me/p/a.md', { cookie, origin }), 101)
})

test('LO2 being on this machine is no credential: every path but signing in needs one', async t => {
  const world = await start(t)
  for (const [method, path] of [
    ['GET', '/api/v1/me'],
    ['GET', '/api/v1/projects'],
    ['GET', `/api/v1/documents?project=${project.id}`],
    ['GET', '/api/v1/events'],
    ['POST', '/api/v1/runs'],
    ['GET', '/api/v1/assets/sha256-0'],
  ] as const)
    assert.equal((await ask(world, path, { method, ...(method === 'POST' && { body: {} }) })).status, 401, path)
  assert.equal(await statusOfUpgrade(world, '/sync/me/p/a.md', {}), 401)
  assert.equal((await ask(world, '/api/v1/me', { headers: { authorization: 'Bearer mb_wrong' } })).status, 401)
})

test('LO2 a link signs one browser in, once; the session outlives the process, the token of commands does not', async t => {
  const world = await start(t)
  const code = codeOf(world.loopback.signInLink())
  const sign = () => ask(world, '/api/v1/auth/link', { method: 'POST', body: { code } })
  const { status, cookie } = await sign()
  assert.equal(status, 204)
  assert.equal((await sign()).status, 401, 'the second time')
  await world.device.close()
  const again = await start(t, world)
  assert.equal((await ask(again, '/api/v1/me', { headers: { cookie } })).status, 200)
  assert.equal((await ask(again, '/api/v1/me', { headers: bearer(world) })).status, 401)
})

test('LO3 signing out closes what that browser has open', async t => {
  const world = await start(t)
  const { origin } = new URL(world.loopback.url)
  const headers = { cookie: await cookieOf(world), origin }
  const socket = new WebSocket(`${world.loopback.url.replace('http', 'ws')}/sync/me/p/a.md`, { headers })
  await new Promise(resolve => socket.once('open', resolve))
  const closed = new Promise<number>(resolve => socket.once('close', resolve))
  assert.equal((await ask(world, '/api/v1/auth/logout', { method: 'POST', headers, body: {} })).status, 204)
  assert.equal(await closed, 4401)
  assert.equal((await ask(world, '/api/v1/me', { headers })).status, 401)
})

test('LO4 a stock client edits a document without a hub, and the edit is in the file', async t => {
  const world = await start(t)
  const doc = new Y.Doc()
  const headers = bearer(world)
  class Authorized extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers })
    }
  }
  const provider = new WebsocketProvider(`${world.loopback.url.replace('http', 'ws')}/sync/me/p`, 'a.md', doc, {
    WebSocketPolyfill: Authorized as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  t.after(() => {
    provider.destroy()
    doc.destroy()
  })
  await until('the text is here', () => doc.getText('content').toString() === '# A\n')
  doc.getText('content').insert(4, 'typed\n')
  const list = await ask(world, `/api/v1/documents?path=me/p/a.md`, { headers })
  const [{ id }] = JSON.parse(list.text).items
  let content = ''
  await until('it is in the document', async () => {
    content = (await ask(world, `/api/v1/documents/${id}/content`, { headers })).text
    return content.includes('typed')
  })
  await until('it is in the file', async () => (await readFile(join(world.folder, 'a.md'), 'utf8')) === content)
})

test('LO5 documents are made, renamed and deleted without a hub, one for each path', async t => {
  const world = await start(t)
  const headers = bearer(world)
  const create = () =>
    ask(world, '/api/v1/documents', {
      method: 'POST',
      headers,
      body: { project: project.id, path: 'new.md', content: '# New\n' },
    })
  const both = await Promise.all([create(), create()])
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409])
  const { id } = JSON.parse(both.find(({ status }) => status === 201)!.text)
  assert.equal((await ask(world, `/api/v1/documents/${id}/content`, { headers })).text, '# New\n')
  const moved = await ask(world, `/api/v1/documents/${id}`, { method: 'PATCH', headers, body: { path: 'moved.md' } })
  assert.equal(JSON.parse(moved.text).path, 'moved.md')
  assert.equal((await ask(world, `/api/v1/documents/${id}`, { method: 'DELETE', headers })).status, 204)
  assert.equal((await ask(world, `/api/v1/documents/${id}`, { headers })).status, 404)
})

test('LO7 what the hub alone has is refused in words while it is out of reach, never empty', async t => {
  const world = await start(t)
  for (const path of [`/api/v1/runs/${make('run')}`, `/api/v1/documents/${make('document')}/versions`]) {
    const { status, text } = await ask(world, path, { headers: bearer(world) })
    assert.ok(status >= 500, path)
    assert.equal(JSON.parse(text).code, 'UNREACHABLE', path)
  }
})
