import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Here, Project } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { WebSocket } from 'ws'
import { startDevice } from '../device.ts'
import { ScriptedHub } from '../testing/scripted-hub.ts'
import { ScriptedKernels } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)

async function serve(t: TestContext, hub?: ScriptedHub) {
  const data = await temporaryFolder()
  const device = await startDevice(
    {
      folder: data,
      name: 'Desk',
      kind: 'desktop',
      limits: { ...limits, handshakeMs: 300, reconnectMinMs: 20, reconnectMaxMs: 100 },
      kernels: new ScriptedKernels(),
      projectsFolder: join(data, 'projects'),
      ...(hub && { hub: { url: hub.url } }),
    },
    { now: Date.now, random: systemRandom, log: silent },
  )
  t.after(() => device.close())
  if (hub) hub.publicKey = device.publicKey
  const { url, token } = await device.serveLoopback({ port: 0, webFolder: null })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const ask = (method: string, path: string, body?: object) =>
    fetch(`${url}/api/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  return {
    device,
    url,
    headers,
    ask,
    json: async <T>(...asked: Parameters<typeof ask>) => (await ask(...asked)).json() as Promise<T>,
  }
}

test('LO13 DV107 in a project that may only be read, a guest makes, moves and writes nothing', async t => {
  const hub = await ScriptedHub.start(t, Date.now)
  const shared = {
    id: make('project'),
    tree: make('document'),
    name: 'theirs',
    owner: 'ada',
    access: 'read' as const,
    shared: true as const,
  }
  const document = make('document')
  hub.projects = [shared]
  const { ask, json, url, headers } = await serve(t, hub)
  await until('it is listed', async () => (await json<{ items: Project[] }>('GET', '/projects')).items.length === 1)
  assert.deepEqual((await json<{ items: Project[] }>('GET', '/projects')).items[0]?.roles, ['viewer'])
  assert.equal((await ask('POST', '/documents', { project: shared.id, path: 'a.md', content: 'x' })).status, 403)
  assert.equal((await ask('DELETE', `/documents/${document}`)).status, 404)
  const socket = new WebSocket(`${url.replace('http', 'ws')}/sync/ada/theirs/new.md`, { headers })
  const code = await new Promise<number>(resolve => socket.once('close', resolve))
  assert.equal(code, 4403)
})

test('LO10 DV110 without a hub the page makes projects and folders; what only a hub has is none, or says so', async t => {
  const { ask, json, device } = await serve(t)
  const made = await json<Project>('POST', '/projects', { name: 'own' })
  assert.equal((await ask('POST', '/projects', { name: '../x' })).status, 400)
  const state = (here: Here) => here.projects.map(({ name, state, made: isMade }) => [name, state, isMade])
  assert.deepEqual(state(await json('GET', '/here')), [['own', 'offered', true]])
  assert.deepEqual(state(await json('POST', '/here/folders', { project: made.id })), [['own', 'attached', true]])
  assert.equal(device.attachments()[0]?.project.id, made.id)
  assert.deepEqual(state(await json('DELETE', `/here/folders/${made.id}`)), [['own', 'left-out', true]])
  assert.equal((await json<Here>('PATCH', '/here', { policy: 'all' })).policy, 'all')
  assert.equal((await ask('PATCH', '/here', { policy: 'some' })).status, 400)
  assert.equal((await ask('POST', '/here/folders', { project: make('project') })).status, 404)
  assert.deepEqual(await json('GET', '/gates'), { items: [] })
  assert.equal((await ask('GET', '/audit')).status, 502)
  const { machine: told } = await json<{ machine: object }>('GET', '/me')
  assert.deepEqual(told, { name: 'Desk', hub: null })
})
