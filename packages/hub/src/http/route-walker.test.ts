/** Walks over every HTTP route and every WebSocket route with every set of headers that somebody hostile could send. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { subprotocol } from '@meshbook/core/frames.ts'
import { newId, parseFence, parseId, systemRandom } from '@meshbook/core/ids.ts'
import { WebSocket } from 'ws'
import type { Parts } from '../parts.ts'
import { socketRoutes } from '../sockets/upgrade.ts'
import { atEnd } from '../testing/at-end.ts'
import { openDocument } from '../testing/open-document.ts'
import { type RawAnswer, rawRequest } from '../testing/raw-request.ts'
import { DeviceRequests, recordOf, sealedPart } from '../testing/saved-states.ts'
import { signIn } from '../testing/sign-in.ts'
import { completed, started, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestUser, makeMember, type TestUser } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'
import type { Route } from './route.ts'
import { routes } from './routes.ts'

/** Stands in the document and in everything that is made of it: who may not read must never get it. */
const canary = 'canary-in-the-document'

const asked = {
  type: 'gate-opened',
  at: 1,
  nonce: 'n'.repeat(16),
  title: 'Send it?',
  shown: `text with the ${canary}`,
  expiresAt: 8_640_000_000_000_000,
} as const

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

interface World {
  test: TestHub
  stranger: TestUser
  viewer: TestUser
  device: TestDevice
  ids: Record<string, string>
  revokedToken: string
  revokedDevice: TestDevice
  ticketElsewhere: string
  cookie: string
}

/** No version comes into being of itself while the routes are walked. */
const quietMs = 3_600_000

async function worldOf(t: TestContext): Promise<World> {
  const test = await startTestHub(t, { limits: { historyQuietMs: quietMs } })
  const code = `print("${canary}")`
  const { id: document } = await test.document('a.md', `\`\`\`python\n${code}\n\`\`\`\n`)
  const { id: elsewhere } = await test.document('other.md', 'x')
  const [stranger, viewer] = [await addTestUser(test, 'stranger'), await addTestUser(test, 'viewer')]
  const member = await makeMember(test, viewer, ['viewer'])
  const device = new TestDevice('Desk')
  await test.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  const restores = { kinds: ['portable' as const], os: 'linux', arch: 'x64', cpu: [] }
  const held = { heads: [], runs: [] }
  await device.join(t, test.hub, [test.project.id], held, undefined, undefined, { restores })
  const run = await test.json<{ id: string; session: string }>('POST', '/runs', { document, language: 'python', code })
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started, completed])
  const gate = newId('gate', Date.now(), systemRandom)
  await test.json('POST', '/runs', { document, language: 'python', code })
  const asking = (await device.next('LEASE')).lease
  await device.emit(asking, 1, [started, { ...asked, gate }])
  const bytes = `bytes of the ${canary}`
  const asset = `sha256-${sha256(bytes)}`
  const headers = { authorization: `Bearer ${test.token}` }
  await rawRequest(`${test.hub.url}/api/v1/assets/${asset}`, { method: 'PUT', headers, body: bytes })
  const file = newId('document', Date.now(), systemRandom)
  const entry = { path: 'table.csv', kind: 'asset', asset, bytes: bytes.length, by: 'desk', at: 1 }
  openDocument(t, test, '.meshbook/tree').getMap<unknown>('files').set(file, entry)
  await until(async () => (await test.api('GET', `/files/${file}`)).ok)
  const revoked = await test.json<{ id: string; token: string }>('POST', '/tokens', { name: 'revoked' })
  await test.json('DELETE', `/tokens/${revoked.id}`)
  const token = (await test.json<{ id: string }>('POST', '/tokens', { name: 'kept' })).id
  const revokedDevice = new TestDevice('Gone')
  await test.hub.registerDevice(revokedDevice.publicKey, 'Gone', 'desktop')
  await test.json('DELETE', `/devices/${revokedDevice.id}`)
  const { ticket } = await test.json<{ ticket: string }>('POST', '/tickets', { document: elsewhere, scope: 'run' })
  const cookie = await signIn(test)
  const [browser] = (await test.json<{ items: { id: string }[] }>('GET', '/browser-sessions')).items
  const { id: pairing } = await test.json<{ id: string }>('POST', '/pairings')
  const { id: workflow } = await test.json<{ id: string }>('POST', '/workflow-runs', flow(test.project.id))
  await until(async () =>
    (await test.json<{ waits: string[] }>('GET', `/workflow-runs/${workflow}`)).waits.includes('signal'),
  )
  const { id: trigger } = await test.json<{ id: string }>('POST', '/triggers', triggered(test.project.id))
  const ntfy = { kind: 'ntfy', server: 'http://127.0.0.1:9999', topic: 'walked' }
  const { id: way } = await test.json<{ id: string }>('POST', '/push/ways', ntfy)
  const hooked = { name: 'walked', kind: 'github', project: test.project.id, repo: 'https://a.example/b' }
  const { id: hook } = await test.json<{ id: string }>('POST', '/hooks', hooked)
  await test.json('PUT', '/keys/walked', { kind: 'openai', value: canary })
  const { id: invitation } = await test.json<{ id: string }>('POST', '/invitations', {})
  const part = sealedPart(canary)
  const by = new DeviceRequests(() => test.hub, device)
  await by.bring([part])
  const record = recordOf(device, lease, [part], { lost: [{ name: canary, reason: 'walked' }] })
  await by.json('POST', '/snapshots', record)
  const { id: move } = await test.json<{ id: string }>('POST', `/sessions/${run.session}/snapshots`, { name: 'walked' })
  // Those of somebody else are in passkeys.test.ts (AU24) and accounts.test.ts (AU5).
  const ways = { passkey: 'pky_01k00000000000000000000000', identity: 'idn_01k00000000000000000000000' }
  const ids = {
    ...ways,
    call: 'gemini-2.5-flash:generateContent',
    browser: browser!.id,
    workflow,
    trigger,
    way,
    hook,
    invitation,
    pairing,
    document,
    run: run.id,
    gate,
    session: run.session,
    snapshot: record.id,
    move,
    asset,
    file,
    member,
    token,
    device: device.id,
    version: '1',
    owner: '@me',
    path: 'a.md',
    name: 'walked',
  }
  return {
    test,
    stranger,
    viewer,
    device,
    revokedToken: revoked.token,
    revokedDevice,
    ticketElsewhere: ticket,
    cookie,
    ids: { ...ids, project: test.project.id },
  }
}

/** What a request of each kind leads to at worst: `refused` is 401 or 403. */
type Outcome = 'refused' | 'not found' | 'judged'
interface HeaderSet {
  name: string
  headers(world: World): Record<string, string>
  query?(world: World): string
  /** What a route that is not public must answer. */
  meets(route: Route): Outcome
}

const changes = ({ method }: Route): boolean => method !== 'GET'
const refused = (): Outcome => 'refused'
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const about = ({ about: what }: Route): string => (typeof what === 'object' ? what.the : (what ?? 'nothing'))

export const headerSets: readonly HeaderSet[] = [
  { name: 'no credential', headers: () => ({}), meets: refused },
  { name: 'wrong token', headers: () => bearer(`mb_${'x'.repeat(43)}`), meets: refused },
  { name: 'revoked token', headers: w => bearer(w.revokedToken), meets: refused },
  {
    name: 'token of another user',
    headers: w => bearer(w.stranger.token),
    meets: route => (['self', 'shared'].includes(about(route)) ? 'judged' : 'not found'),
  },
  {
    name: 'token of a viewer',
    headers: w => bearer(w.viewer.token),
    meets(route) {
      if (['self', 'shared'].includes(about(route))) return 'judged'
      if (about(route) === 'device') return 'not found'
      const { access, about: what } = route
      const scope = access.to === 'users' ? access.scope : 'all'
      const right = (typeof what === 'object' && 'right' in what ? what.right : undefined) ?? scope
      return right === 'read' ? 'judged' : 'refused'
    },
  },
  {
    name: 'foreign Origin with cookie',
    headers: w => ({ cookie: w.cookie, origin: 'http://evil.example' }),
    meets: refused,
  },
  {
    name: 'no Origin with cookie',
    headers: w => ({ cookie: w.cookie }),
    meets: route => (changes(route) ? 'refused' : 'judged'),
  },
  { name: 'null Origin with cookie', headers: w => ({ cookie: w.cookie, origin: 'null' }), meets: refused },
  {
    name: 'wrong Host',
    headers: w => ({ ...bearer(w.test.token), host: `evil.example:${w.test.hub.port}` }),
    meets: refused,
  },
  {
    name: 'cross-site with cookie',
    headers: w => ({ cookie: w.cookie, 'sec-fetch-site': 'cross-site' }),
    meets: refused,
  },
  {
    name: 'ticket for another document',
    headers: () => ({}),
    query: w => `ticket=${w.ticketElsewhere}`,
    meets: refused,
  },
  {
    name: 'proof of a revoked device',
    headers: w => ({ authorization: w.revokedDevice.proof(new URL(w.test.hub.url).host) }),
    meets: refused,
  },
]

const credential = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', clientExtensionResults: {} }
const passkeyUsed = { ...credential, response: { clientDataJSON: 'AA', authenticatorData: 'AA', signature: 'AA' } }
const passkeyMade = { ...credential, response: { clientDataJSON: 'AA', attestationObject: 'AA' } }

/** Of the form that keys have, and signed by nobody. */
const strangeKeys = { publicKey: 'A'.repeat(43), sealKey: `age1${'q'.repeat(58)}`, sealProof: 'A'.repeat(86) }

/** It waits for what never comes. */
const flow = (project: string | undefined) => ({
  project,
  file: 'walked.yaml',
  files: { 'walked.yaml': 'meshbook: workflow/v1\nname: walked\nsteps:\n  a: { wait: { signal: never } }\n' },
})

/** It begins once a year. */
const triggered = (project: string | undefined) => ({
  project,
  file: 'triggered.yaml',
  files: {
    'triggered.yaml':
      "meshbook: workflow/v1\nname: triggered\non: { schedule: { cron: '0 0 29 2 *' } }\nsteps:\n  a: { transform: '1' }\n",
  },
})

/** A body that a route takes, about the things of the owner. A route with a body that has none here fails the walk. */
const bodies: Record<string, (ids: Record<string, string>) => object> = {
  'POST /auth/link': () => ({ code: 'guess' }),
  'POST /auth/oidc': () => ({}),
  'POST /auth/github': () => ({}),
  'POST /auth/passkey': () => ({ credential: passkeyUsed }),
  'POST /auth/passkey/sign-up/options': () => ({ invitation: 'x'.repeat(43), name: 'walked' }),
  'POST /auth/passkey/sign-up': () => ({ invitation: 'x'.repeat(43), credential: passkeyMade }),
  'POST /passkeys': () => ({ name: 'walked', credential: passkeyMade }),
  'PATCH /passkeys/:id': () => ({ name: 'walked' }),
  'POST /identities': () => ({ provider: 'oidc' }),
  'POST /invitations': () => ({ note: 'walked' }),
  'POST /pairings/:id/confirm': () => ({ digits: '00' }),
  'POST /pair': () => ({ code: 'AAAAAAAA', as: 'browser', name: 'walked', publicKey: new TestDevice().publicKey }),
  'POST /pair/result': () => ({ claim: 'x'.repeat(43) }),
  'POST /auth/device/find': () => ({ userCode: 'AAAAAAAA' }),
  'POST /auth/device/decide': () => ({ userCode: 'AAAAAAAA', approve: true }),
  'POST /auth/device/authorize': () => ({
    ...strangeKeys,
    name: 'walked',
    kind: 'desktop',
    redirectUri: 'http://127.0.0.1:1/',
    state: 'x'.repeat(16),
    codeChallenge: 'x'.repeat(43),
  }),
  'POST /tickets': ids => ({ document: ids.document, scope: 'read' }),
  'POST /tokens': () => ({ name: 'walked' }),
  'POST /devices': () => ({ publicKey: new TestDevice().publicKey, name: 'walked', kind: 'desktop' }),
  'PATCH /devices/:id': () => ({ name: 'walked' }),
  'POST /projects': () => ({ name: 'walked' }),
  'POST /projects/:id/members': () => ({ user: 'stranger', roles: ['owner'] }),
  'PATCH /projects/:id/members/:member': () => ({ roles: ['owner'] }),
  'POST /documents': ids => ({ project: ids.project, path: 'walked.md' }),
  'PATCH /documents/:id': () => ({ path: 'walked.md' }),
  'POST /projects/:id/environments': ids => ({ device: ids.device, language: 'python', action: 'make' }),
  'PUT /publications/:id': () => ({ mode: 'continuous' }),
  'POST /documents/:id/versions': () => ({ name: 'walked' }),
  'POST /documents/:id/restore': () => ({ version: 1, request: 'walked-1' }),
  'POST /documents/:id/undo': () => ({ request: 'walked-2' }),
  'POST /documents/:id/redo': () => ({ request: 'walked-3' }),
  'POST /runs': ids => ({ document: ids.document, language: 'python', code: `print("${canary}")` }),
  'POST /runs/:id/input': () => ({ text: 'walked' }),
  'POST /runs/:id/cancel': () => ({}),
  'POST /runs/:id/again': () => ({}),
  'POST /runs/:id/confirm': () => ({ codeHash: 'a'.repeat(64) }),
  'POST /gates/:id/decide': () => ({ decision: 'approved', digest: sha256(asked.shown), nonce: asked.nonce }),
  'POST /push/ways': () => ({ kind: 'ntfy', server: 'http://127.0.0.1:2586', topic: 'walked' }),
  'POST /tasks': ids => ({ project: ids.project, repo: 'https://a.example/b', prompt: canary }),
  'POST /tasks/:id/messages': () => ({ id: 'walked-message', text: 'walked' }),
  'POST /tasks/:id/control': () => ({ action: 'stop' }),
  'POST /tasks/:id/again': () => ({}),
  'POST /workflow-runs': ids => flow(ids.project),
  'POST /workflow-runs/:id/cancel': () => ({}),
  'POST /workflow-runs/:id/signals': () => ({ name: 'walked' }),
  'POST /workflow-runs/:id/budget': () => ({ microUsd: 1 }),
  'POST /workflow-runs/:id/fork': () => ({ step: 'a' }),
  'POST /triggers': ids => triggered(ids.project),
  'PATCH /triggers/:id': () => ({ enabled: false }),
  'POST /hooks': ids => ({ name: 'walked', kind: 'github', project: ids.project, repo: 'https://a.example/b' }),
  'POST /push/ways/:id/confirm': () => ({ code: '12345678' }),
  'POST /push/receipts': () => ({ receipt: 'x'.repeat(43) }),
  'PUT /push/settings': () => ({ kinds: { gate: false }, afterSeconds: 1, quiet: null, projects: [] }),
  'POST /push/looking': () => ({ visible: true }),
  'PUT /compute/restoring': () => ({
    copies: [
      {
        version: 1,
        recipient: 'recovery',
        sealed: 'x',
        by: new TestDevice().id,
        byKey: 'x'.repeat(43),
        signature: 'x'.repeat(86),
      },
    ],
  }),
  'POST /sessions/:id/interrupt': () => ({}),
  'POST /sessions/:id/restart': () => ({}),
  'POST /sessions/:id/complete': () => ({ code: 'a', cursor: 1 }),
  'POST /sessions/:id/inspect': () => ({ code: 'a', cursor: 1 }),
  'PATCH /sessions/:id': () => ({ failover: 'wait' }),
  'POST /sessions/:id/migrate': () => ({}),
  'POST /sessions/:id/fork': () => ({ name: 'walked' }),
  'POST /sessions/:id/snapshots': () => ({ name: 'walked' }),
  'POST /snapshots/parts/missing': () => ({ parts: ['a'.repeat(64)] }),
  'POST /snapshots/parts/read': () => ({ parts: [sealedPart(canary).part] }),
  'POST /snapshots': ({ session }) =>
    recordOf(
      new TestDevice(),
      {
        session: parseId('session', session),
        head: newId('head', 1, systemRandom),
        fence: parseFence(1),
      },
      [sealedPart(canary)],
    ),
  'PATCH /snapshots/:id': () => ({ name: 'walked' }),
  'POST /snapshots/:id/refused': () => ({ code: 'SNAPSHOT_REFUSED', detail: 'walked' }),
  'POST /snapshots/:id/restore': () => ({}),
  'PUT /keys/:name': () => ({ kind: 'openai', value: 'walked' }),
  'PUT /projects/:id/retention': () => ({ days: 7 }),
  'PUT /projects/:id/budget': () => ({ microUsd: 7_000_000 }),
  'PUT /budget': () => ({ microUsd: 7_000_000 }),
  'PATCH /hooks/:id': () => ({ isOff: true }),
  'POST /model-keys': () => ({ name: 'walked' }),
}

const keyOf = ({ method, path }: Route): string => `${method} ${path.replace('/api/v1', '')}`

/** Things of the caller's alone, by the part of the path that their id follows. */
const ownThings: readonly (readonly [part: string, id: string])[] = [
  ['/tokens/:id', 'token'],
  ['/passkeys/:id', 'passkey'],
  ['/identities/:id', 'identity'],
  ['/browser-sessions/:id', 'browser'],
  ['/invitations/:id', 'invitation'],
  ['/pairings/:id', 'pairing'],
  ['/push/ways/:id', 'way'],
  ['/hooks/:id', 'hook'],
]

/** Where the kind of thing that a route is about does not say whose id its path takes. */
const idOfPath = [...ownThings, ['/workflow-runs/:id', 'workflow']] as const

/** `:id` is that of what the route is about. */
function pathOf(route: Route, ids: Record<string, string>): string {
  const own = idOfPath.find(([part]) => route.path.includes(part))?.[1] ?? about(route)
  return route.path.replace(/:(\w+)(?:\{[^}]*\})?/g, (_, name: string) => {
    const id = ids[name === 'id' ? own : name]
    assert.ok(id !== undefined, `${keyOf(route)}: the walker has no ${name}`)
    return id
  })
}

function call(
  world: World,
  route: Route,
  set: Pick<HeaderSet, 'headers' | 'query'>,
  ids = world.ids,
): Promise<RawAnswer> {
  const body = bodies[keyOf(route)]?.(ids)
  assert.ok(!route.body || body, `${keyOf(route)}: the walker needs a body for it`)
  const text = body ? JSON.stringify(body) : changes(route) && route.method !== 'DELETE' ? 'x' : undefined
  const type = body ? { 'content-type': 'application/json' } : {}
  const query = set.query ? `?${set.query(world)}` : ''
  return rawRequest(world.test.hub.url + pathOf(route, ids) + query, {
    method: route.method,
    headers: { ...type, ...set.headers(world) },
    ...(text === undefined || (route.method === 'POST' && !body) ? {} : { body: text }),
  })
}

function check(route: Route, set: HeaderSet, { status, text, headers }: RawAnswer, world: World): void {
  const what = `${keyOf(route)} with ${set.name}: ${status} ${text.slice(0, 200)}`
  assert.ok(status < 500, what)
  // The shell of the phone asks from an origin of its own whether a hub is there (PH80).
  const readable = route.path === '/healthz' && status === 200 ? '*' : undefined
  assert.equal(headers['access-control-allow-origin'], readable, what)
  assert.equal(headers['access-control-allow-credentials'], undefined, what)
  const meets = set.meets(route)
  if (route.access.to !== 'users') return
  if (meets === 'refused') assert.ok([401, 403].includes(status), what)
  if (meets === 'not found') assert.equal(status, 404, what)
  const mayRead = set.name === 'token of a viewer' || set.name === 'no Origin with cookie'
  if (mayRead) return
  assert.ok(!text.includes(canary), what)
  for (const id of Object.values(world.ids))
    assert.ok(['1', '@me', 'a.md', 'walked'].includes(id) || !withoutDetail(text).includes(id), `${what} tells ${id}`)
}

/** A problem repeats the id that was asked for. */
function withoutDetail(text: string): string {
  return text.startsWith('{"type":"urn:meshbook:error') ? '' : text
}

/** Everything of the owner that a request could have changed. */
async function stateOf({ test, ids }: World): Promise<string> {
  const lists = [
    '/tokens',
    '/devices',
    '/projects',
    `/publications?project=${ids.project}`,
    `/documents?project=${ids.project}`,
    `/files?project=${ids.project}`,
    '/runs',
    '/sessions',
    '/snapshots',
    '/moves',
    '/browser-sessions',
    '/invitations',
    '/passkeys',
    '/identities',
    '/push/ways',
    '/push/settings',
    '/hooks',
    '/keys',
    '/model-keys',
  ]
  const more = [`/projects/${ids.project}/members`, `/documents/${ids.document}/versions`]
  const texts = await Promise.all([...lists, ...more].map(async path => (await test.api('GET', path)).text()))
  const content = await (await test.api('GET', `/documents/${ids.document}/content`)).text()
  return [...texts, content].join('\n').replace(/"(?:lastSeenAt|updatedAt)":\d+/g, '')
}

test('RW1 every route says what it is about, or is known to be public', () => {
  const list = routes({} as Parts)
  assert.ok(list.length > 45)
  for (const route of list) {
    if (route.access.to !== 'users') continue
    assert.ok(route.about, `${keyOf(route)} must say what it is about (ME2)`)
    const named = typeof route.about === 'object' && !('in' in route.about) ? route.about.named : undefined
    if (named) assert.ok(route.path.includes(`:${named}`), `${keyOf(route)}: there is no ${named} in its path`)
    // A route with an id in its path is about that, or about what is the caller's alone.
    if (/\/:id/.test(route.path)) assert.ok(route.about !== 'shared', keyOf(route))
  }
})

/** Routes that anybody may call, and why that is right. What is not here and public fails. */
const open: Readonly<Record<string, string>> = {
  'GET /healthz': 'tells only that the process runs, and of which version it is',
  'GET /readyz': 'tells only whether it takes writes',
  'GET /openapi.json': 'is the same for everybody',
  'POST /hooks/:id': 'takes what is signed with the secret of a hook, and says nothing to anybody else (GT60)',
  'POST /push/receipts': 'takes a token that stands in a message, and tells nothing (NT20)',
  'GET /:owner{@[^/]+}/:project': 'what its owner publishes there, and only that',
  'GET /:owner{@[^/]+}/:project/': 'the same',
  'GET /:owner{@[^/]+}/:project/:path{.+}': 'is for readers of what was published, and finds nothing else (PB11)',
}
/** Ways in: they give something only for a secret that they take. */
const waysIn = /^(?:GET|POST|PUT|DELETE) \/(?:auth|pair)(?:\/|$)/

test('RW1 a route that anybody may call is known to be so, with its reason', () => {
  const found = routes({} as Parts).filter(({ access }) => access.to === 'public')
  const unknown = found.map(keyOf).filter(key => !waysIn.test(key) && !open[key])
  assert.deepEqual(unknown, [])
  for (const key of Object.keys(open))
    assert.ok(
      found.some(route => keyOf(route) === key),
      `${key} is no route`,
    )
})

test('RW1 no route accepts what it should not, and nothing of the owner changes by it', async t => {
  const world = await worldOf(t)
  const before = await stateOf(world)
  let walked = 0
  for (const set of headerSets)
    for (const route of routes({} as Parts)) {
      const isLeaving = keyOf(route) === 'POST /projects/:id/leave' && set.name === 'token of a viewer'
      // A cookie without Origin is what a typed address sends; what it may look at is in other tests.
      const isEndless = route.produces === 'text/event-stream' && set.meets(route) === 'judged'
      if (isLeaving || isEndless) continue
      check(route, set, await call(world, route, set), world)
      walked++
    }
  t.diagnostic(`${walked} requests: ${headerSets.length} header sets`)
  assert.ok(walked > 12 * 45)
  assert.equal(await stateOf(world), before)
})

test('RW1 a viewer leaves by themselves, and only themselves', async t => {
  const { test, viewer, stranger } = await worldOf(t)
  assert.equal(await stranger.status('POST', `/projects/${test.project.id}/leave`), 404)
  assert.equal(await viewer.status('POST', `/projects/${test.project.id}/leave`), 204)
})

test('RW2 S21 to who is no member, a thing of another org and a thing that is not there look the same', async t => {
  const world = await worldOf(t)
  const missing: Record<string, string> = {
    ...world.ids,
    document: 'doc_01k00000000000000000000000',
    project: 'prj_01k00000000000000000000000',
    file: 'doc_01k00000000000000000000000',
    session: 'ses_01k00000000000000000000000',
    snapshot: 'snp_01k00000000000000000000000',
    move: 'mov_01k00000000000000000000000',
    run: 'run-that-is-not-there',
    device: 'dev_01k00000000000000000000000',
    token: 'tok_01k00000000000000000000000',
    browser: 'tok_01k00000000000000000000000',
    invitation: 'inv_01k00000000000000000000000',
    pairing: 'par_01k00000000000000000000000',
    way: 'way_01k00000000000000000000000',
    hook: 'hok_01k00000000000000000000000',
    asset: `sha256-${'0'.repeat(64)}`,
  }
  const set = { headers: (w: World) => bearer(w.stranger.token) }
  const shape = ({ status, text, headers }: RawAnswer, ids: Record<string, string>) => {
    const plain = Object.values(ids).reduce((left, id) => (id === '1' ? left : left.replaceAll(id, 'ID')), text)
    return [status, headers['content-type'], plain.replace(/"requestId":"[^"]+"/, '')]
  }
  let compared = 0
  for (const route of routes({} as Parts)) {
    if (route.access.to !== 'users') continue
    if (typeof route.about !== 'object' && !ownThings.some(([part]) => route.path.includes(part))) continue
    const [there, not] = [await call(world, route, set), await call(world, route, set, missing)]
    assert.equal(there.status, 404, `${keyOf(route)}: ${there.text}`)
    assert.deepEqual(shape(there, world.ids), shape(not, missing), keyOf(route))
    compared++
  }
  assert.ok(compared > 30, `${compared}`)
})

/** What a socket did within a moment: whether anything but a refusal came over it. */
async function knock(
  t: TestContext,
  world: World,
  path: string,
  set: HeaderSet,
): Promise<{ in: boolean; code: number }> {
  const query = set.query ? `?${set.query(world)}` : ''
  const socket = new WebSocket(`${world.test.hub.url.replace('http', 'ws')}${path}${query}`, [subprotocol], {
    headers: set.headers(world),
  })
  atEnd(t, () => socket.terminate())
  let isIn = false
  // 2 is a refusal of y-protocols.
  socket.on('message', (data: Buffer) => {
    isIn ||= data[0] !== 2
  })
  let status = 0
  socket.on('unexpected-response', (request, answer) => {
    status = answer.statusCode ?? 0
    request.destroy()
    socket.terminate()
  })
  socket.on('error', () => socket.terminate())
  const closed = new Promise<number>(resolve => socket.once('close', resolve))
  const code = await Promise.race([closed, new Promise<number>(resolve => setTimeout(resolve, 400, 0))])
  socket.terminate()
  return { in: isIn, code: status || code }
}

test('RW1 no WebSocket route accepts what it should not', async t => {
  const world = await worldOf(t)
  const sample: Record<string, string> = {
    channel: '/channel',
    sync: '/sync/me/demo/a.md',
    'task-broker': '/task-broker',
  }
  let walked = 0
  for (const route of socketRoutes) {
    assert.ok(sample[route], `the walker knows no path for /${route}`)
    for (const set of headerSets) {
      const found = await knock(t, world, sample[route], set)
      const mayRead = route === 'sync' && set.name === 'token of a viewer'
      assert.equal(found.in, mayRead, `/${route} with ${set.name}: ${found.code}`)
      walked++
    }
  }
  const own: HeaderSet = { name: 'own', headers: w => bearer(w.test.token), meets: refused }
  assert.equal((await knock(t, world, sample.sync!, own)).in, true, 'the walker can tell')
  for (const path of ['/', '/api/v1/events', '/syncs/me/demo/a.md', '/sync', '/sync/me', '/channels'])
    assert.equal((await knock(t, world, path, own)).in, false, path)
  assert.equal(walked, socketRoutes.length * 12)
})
