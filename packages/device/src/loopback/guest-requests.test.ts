import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { startDevice } from '../device.ts'
import { ScriptedHub } from '../testing/scripted-hub.ts'
import { ScriptedKernels } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
const project = { id: make('project'), name: 'p', owner: 'me', tree: make('document') }

async function start(t: TestContext, data: string, url?: string, enroll: (key: string) => void = () => undefined) {
  const device = await startDevice(
    {
      folder: data,
      name: 'Desk',
      kind: 'desktop',
      limits: { ...limits, fileDebounceMs: 20, reconnectMinMs: 20, reconnectMaxMs: 100 },
      kernels: new ScriptedKernels(),
      projectsFolder: data,
      ...(url !== undefined && { hub: { url } }),
      register: async key => {
        enroll(key)
        return make('device')
      },
    },
    { now: Date.now, random: systemRandom, log: silent },
  )
  t.after(() => device.close())
  const loopback = await device.serveLoopback({ port: 0, webFolder: null })
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(`${loopback.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${loopback.token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return { device, loopback, ask }
}
type World = Awaited<ReturnType<typeof start>>

async function open(t: TestContext, { loopback }: World, path: string, headers: Record<string, string>) {
  class Authorized extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers })
    }
  }
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${loopback.url.replace('http', 'ws')}/sync/me/p`, path, doc, {
    WebSocketPolyfill: Authorized as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  t.after(() => {
    provider.destroy()
    doc.destroy()
  })
  await until('it is synced', () => provider.synced)
  return doc
}

async function cookieOf({ loopback }: World): Promise<Record<string, string>> {
  const code = new URL(loopback.signInLink()).hash.slice(1)
  const answer = await fetch(`${loopback.url}/api/v1/auth/link`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  return { cookie: answer.headers.get('set-cookie')!.split(';')[0]!, origin: loopback.url }
}

const pathsOf = async (world: World): Promise<string[]> => {
  const { items } = (await (await world.ask('GET', `/documents?project=${project.id}`)).json()) as {
    items: { path: string }[]
  }
  return items.map(({ path }) => path)
}

test('LO8 I11 what a page writes into a document is claimed without a voucher, what another client writes with one', async t => {
  const hub = await ScriptedHub.start(t, Date.now)
  const world = await start(t, await temporaryFolder(), hub.url, key => {
    hub.publicKey = key
  })
  await until('it is linked', () => world.device.linked)
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.md'), '# A\n')
  await world.device.attach({ project, folder })
  const [page, client] = [
    await open(t, world, 'a.md', await cookieOf(world)),
    await open(t, world, 'a.md', { authorization: `Bearer ${world.loopback.token}` }),
  ]
  const intent = { status: 'requested', code: 'print(1)', language: 'python' }
  page.getMap('executions').set('run-of-page', new Y.Map(Object.entries(intent)))
  client.getMap('executions').set('run-of-client', new Y.Map(Object.entries(intent)))
  await until('both are asked about', () => hub.all('CLAIM').length >= 2)
  const vouched = new Map(hub.all('CLAIM').map(claim => [claim.request.id as string, claim.vouched ?? false]))
  assert.deepEqual(Object.fromEntries(vouched), { 'run-of-page': false, 'run-of-client': true })
})

test('LO5 a document that was made without text and without the hub opens after a restart', async t => {
  const data = await temporaryFolder()
  const alone = await start(t, data)
  await alone.device.attach({ project, folder: await temporaryFolder() })
  await alone.device.close()
  const nowhere = 'http://127.0.0.1:1'
  const world = await start(t, data, nowhere)
  const made = await world.ask('POST', '/documents', { project: project.id, path: 'blank.md' })
  const { id } = (await made.json()) as { id: string }
  await Promise.all([
    open(t, world, 'typed.md', { authorization: `Bearer ${world.loopback.token}` }),
    open(t, world, 'typed.md', { authorization: `Bearer ${world.loopback.token}` }),
  ])
  assert.deepEqual(await pathsOf(world), ['blank.md', 'typed.md'])
  await world.device.close()
  const again = await start(t, data, nowhere)
  const content = await again.ask('GET', `/documents/${id}/content`)
  assert.deepEqual([content.status, await content.text()], [200, ''])
  await open(t, again, 'typed.md', { authorization: `Bearer ${again.loopback.token}` })
  assert.deepEqual(await pathsOf(again), ['blank.md', 'typed.md'])
})
