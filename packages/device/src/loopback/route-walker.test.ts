/** Walks over every route of the device's own web app with every set of headers that somebody hostile could send (S5, S6). */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { WebSocket } from 'ws'
import { startDevice } from '../device.ts'
import { ScriptedKernels } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import type { LoopbackRoute } from './route.ts'
import { type LoopbackParts, loopbackRoutes } from './routes.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
const project = { id: make('project'), name: 'p', owner: 'me', tree: make('document') }
/** Stands in the document and in the name of the project: who may not read must never get it. */
const canary = 'canary-in-the-document'

interface World {
  url: string
  token: string
  cookie: string
  ended: string
  document: string
  otherCookie: string
}

async function startOne(t: TestContext) {
  const data = await temporaryFolder()
  const device = await startDevice(
    { folder: data, name: 'Desk', kind: 'desktop', limits, kernels: new ScriptedKernels(), projectsFolder: data },
    { now: Date.now, random: systemRandom, log: silent },
  )
  t.after(() => device.close())
  return { device, loopback: await device.serveLoopback({ port: 0, webFolder: null }) }
}
type One = Awaited<ReturnType<typeof startOne>>

async function signIn({ loopback }: One): Promise<string> {
  const code = new URL(loopback.signInLink()).hash.slice(1)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${loopback.url}/api/v1/auth/link`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ code }),
  })
  return answer.headers.get('set-cookie')!.split(';')[0]!
}

async function worldOf(t: TestContext): Promise<World> {
  const [one, other] = [await startOne(t), await startOne(t)]
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.md'), `# ${canary}\n`)
  await one.device.attach({ project, folder })
  const { url, token } = one.loopback
  const ended = await signIn(one)
  const out = { cookie: ended, origin: url, 'content-type': 'application/json' }
  assert.equal((await fetch(`${url}/api/v1/auth/logout`, { method: 'POST', headers: out, body: '{}' })).status, 204)
  const list = await fetch(`${url}/api/v1/documents?project=${project.id}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { items } = (await list.json()) as { items: { id: string }[] }
  return { url, token, ended, document: items[0]!.id, cookie: await signIn(one), otherCookie: await signIn(other) }
}

interface HeaderSet {
  name: string
  headers(world: World): Record<string, string>
  query?(world: World): string
  /** Good for looking: a typed address sends no Origin. */
  looks?: true
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const headerSets: readonly HeaderSet[] = [
  { name: 'no credential', headers: () => ({}) },
  { name: 'wrong token', headers: () => bearer(`mb_${'x'.repeat(43)}`) },
  { name: 'an ended session', headers: w => ({ cookie: w.ended, origin: w.url }) },
  { name: 'the cookie of another device', headers: w => ({ cookie: w.otherCookie, origin: w.url }) },
  {
    name: 'the value of another device under this name',
    headers: w => ({ cookie: `${w.cookie.split('=')[0]}=${w.otherCookie.split('=')[1]}`, origin: w.url }),
  },
  { name: 'foreign Origin with cookie', headers: w => ({ cookie: w.cookie, origin: 'http://evil.example' }) },
  { name: 'another port with cookie', headers: w => ({ cookie: w.cookie, origin: 'http://127.0.0.1:1' }) },
  { name: 'null Origin with cookie', headers: w => ({ cookie: w.cookie, origin: 'null' }) },
  { name: 'no Origin with cookie', headers: w => ({ cookie: w.cookie }), looks: true },
  { name: 'cross-site with cookie', headers: w => ({ cookie: w.cookie, 'sec-fetch-site': 'cross-site' }) },
  { name: 'wrong Host with token', headers: w => ({ ...bearer(w.token), host: 'evil.example' }) },
  { name: 'wrong Host with cookie', headers: w => ({ cookie: w.cookie, host: `evil.example:${new URL(w.url).port}` }) },
  { name: 'the token in the address', headers: () => ({}), query: w => `token=${w.token}&ticket=${w.token}` },
  { name: 'the token as a cookie', headers: w => ({ cookie: `mb_session=${w.token}`, origin: w.url }) },
]

const own: Record<string, string> = { 'POST /documents': 'walked.md', 'PATCH /documents/:id': 'walked.md' }

function bodyOf({ method, path, body }: LoopbackRoute): object | undefined {
  if (!body) return method === 'POST' ? {} : undefined
  const key = `${method} ${path.replace('/api/v1', '')}`
  if (key === 'POST /auth/link') return { code: 'guess' }
  return own[key] ? { project: project.id, path: own[key] } : {}
}

function call(world: World, route: LoopbackRoute, set: HeaderSet): Promise<{ status: number; text: string }> {
  const path = route.path.replace(':id', world.document).replace(':asset', `sha256-${'0'.repeat(64)}`)
  const query = new URLSearchParams(`project=${project.id}&${set.query?.(world) ?? ''}`)
  const body = bodyOf(route)
  const headers = { ...(body && { 'content-type': 'application/json' }), ...set.headers(world) }
  return new Promise((resolve, reject) => {
    const asked = request(`${world.url}${path}?${query}`, { method: route.method, headers }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    asked.on('error', reject)
    asked.end(body && JSON.stringify(body))
  })
}

async function stateOf({ url, token, document }: World): Promise<string> {
  const paths = ['/projects', `/documents?project=${project.id}`, `/documents/${document}/content`]
  const texts = paths.map(async path => (await fetch(`${url}/api/v1${path}`, { headers: bearer(token) })).text())
  return (await Promise.all(texts)).join('\n')
}

test('LO1 LO2 no route of the loopback app accepts what it should not, and nothing changes by it', async t => {
  const world = await worldOf(t)
  const before = await stateOf(world)
  assert.match(before, new RegExp(canary))
  const routes = loopbackRoutes({} as LoopbackParts)
  let walked = 0
  for (const set of headerSets)
    for (const route of routes) {
      if (route.public || (set.looks && route.method === 'GET')) continue
      const { status, text } = await call(world, route, set)
      const what = `${route.method} ${route.path} with ${set.name}: ${status} ${text.slice(0, 200)}`
      assert.ok([401, 403].includes(status), what)
      assert.ok(!text.includes(canary) && !text.includes(project.tree), what)
      walked++
    }
  t.diagnostic(`${walked} requests: ${routes.length} routes, ${headerSets.length} header sets`)
  assert.ok(walked > 12 * 25)
  assert.equal(await stateOf(world), before)
})

test('LO1 LO2 no set of them opens a WebSocket, at any path', async t => {
  const world = await worldOf(t)
  for (const set of headerSets)
    for (const path of ['/sync/me/p/a.md', `/sync/me/p/.meshbook/tree`, '/channel', '/api/v1/events']) {
      const socket = new WebSocket(`${world.url.replace('http', 'ws')}${path}?${set.query?.(world) ?? ''}`, {
        headers: set.headers(world),
      })
      const status = await new Promise<number>(resolve => {
        socket.on('open', () => resolve(101))
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode!))
        socket.on('error', () => undefined)
      })
      socket.terminate()
      assert.ok([401, 403, 404].includes(status), `${path} with ${set.name}: ${status}`)
    }
})
