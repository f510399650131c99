/**
 * Every procedure of the hub is called on PostgreSQL. One story is told to both databases, and each answer must be the
 * same to the type: a number that comes back as text, or a statement that only SQLite understands, is found here.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import {
  type DeviceId,
  deviceIdOf,
  newId,
  type OrgId,
  type ProjectId,
  parseAssetId,
  parseFence,
  parseRunId,
  parseSeq,
  type UserId,
} from '@meshbook/core/ids.ts'
import type { Filled } from '@meshbook/core/notify-words.ts'
import { digitsOf, transcriptText } from '@meshbook/core/pairing.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { HubStore } from '@meshbook/hub/store/hub-store.ts'
import { hubModules } from '@meshbook/hub/store/open-store.ts'
import { type HubProcedures, procedures } from '@meshbook/hub/store/procedures.ts'
import { logged } from '@meshbook/hub/store/run-log.ts'
import type { Database } from '@meshbook/relay/sql/database.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { HistoryProcedures } from '@meshbook/relay/store/history-procedures.ts'
import { TestPostgres } from '../postgres.ts'

/** Told to both databases already, by the suites of these files. */
const otherSuites = [
  'run-store.ts',
  'run-imports.ts',
  'run-ends.ts',
  'member-store.test.ts',
  'hubs-store.ts',
  'move-store.ts',
  'model-store.test.ts',
  'task-store.ts',
  'workflow-store.ts',
  'workflow-triggers.ts',
]

const server = await TestPostgres.start({ after })

async function openFile(t: TestContext): Promise<HubStore> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-every-'))
  const store = await SqliteDatabase.open<HubProcedures>({ file: join(folder, 'hub.db'), modules: hubModules })
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
}

async function openPostgres(t: TestContext): Promise<HubStore> {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: hubModules, role: new URL(url).username })
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: hubModules })
  t.after(() => store.close())
  return store
}

type Said = [name: string, answer: unknown]

/** The store, and everything that it was asked and answered. */
function listening(store: HubStore): { store: HubStore; said: Said[] } {
  const said: Said[] = []
  const through = async (kind: 'call' | 'query', name: string, args: unknown[]): Promise<unknown> => {
    const ask = store[kind] as (name: string, ...args: unknown[]) => Promise<unknown>
    const answer = await ask(name, ...args).catch((error: unknown) => `refused: ${String(error)}`)
    const asked = name === 'audited' ? `audited ${(args[0] as { call: string }).call}` : name
    said.push([asked, answer])
    return answer
  }
  const heard = {
    call: (name: string, ...args: unknown[]) => through('call', name, args),
    query: (name: string, ...args: unknown[]) => through('query', name, args),
  }
  return { store: heard as unknown as HubStore, said }
}

const now = 1_800_000_000_000
const day = 86_400_000

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const deviceNamed = (name: string): DeviceId => deviceIdOf(createHash('sha256').update(name).digest())

/** Ids and notes, the same at each telling. */
function names() {
  let number = 0
  const random = (length: number): Uint8Array =>
    Uint8Array.from(createHash('sha512').update(`${number++}`).digest()).slice(0, length)
  const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, random)
  const noteOf = (action: string) => ({
    org: null,
    id: id('audit'),
    at: now,
    user: null,
    name: null,
    credential: null,
    action,
    target: null,
    detail: {},
    address: null,
    request: null,
  })
  const sessionOf = (name: string, previous: string | null = null) => ({
    id: id('token'),
    hash: hashOf(name),
    browser: 'Firefox',
    previous: previous === null ? null : hashOf(previous),
    now,
    expiresAt: now + day,
  })
  return { id, noteOf, sessionOf }
}

/** A worker from its order to its end, and the keys that it may be given. */
async function workersStory(
  store: HubStore,
  { org, user }: { org: OrgId; user: UserId },
  project: ProjectId,
): Promise<void> {
  const { id } = names()
  const hub = 'hub'
  const order = { org, project, hub, most: 1, now }
  const worker = id('worker')
  await store.call('addWorker', { ...order, id: worker, tokenHash: hashOf('once') })
  await store.call('addWorker', { ...order, id: id('worker'), tokenHash: hashOf('twice') })
  await store.call('addWorker', { ...order, project: id('project'), id: id('worker'), tokenHash: hashOf('full') })
  await store.query('ownerOfProject', { org, project })
  await store.query('listWorkers', { org })
  await store.query('listWorkers', { hub })
  const device = deviceNamed('worker')
  const admission = { device, publicKey: 'k', memoryBytes: 1_000, orderedSince: now - 1, now }
  await store.call('admitWorker', { ...admission, tokenHash: hashOf('once') })
  await store.call('admitWorker', { ...admission, tokenHash: hashOf('once') })
  await store.query('workerOfDevice', { device })
  await store.query('sealKeyOf', { org, id: device })
  await store.call('gaveKeys', { org, id: worker })
  await store.call('usedWorkers', { hub, now })
  await store.query('idleWorkers', { hub, since: now + 1 })
  await store.call('stopWorker', { org, id: worker, unless: now - 1 })
  await store.call('stopWorker', { org, id: worker, unless: now + 1 })
  await store.call('endWorker', { org, id: worker, reason: 'Its container has ended.', now })
  await store.call('endWorker', { org, id: worker, reason: 'Its container has ended.', now })

  await store.query('computeKeys', { made: null, now })
  await store.call('computeKeys', { made: 'sealed', now })
  await store.call('computeKeys', { made: 'another', now })
  await store.query('ownerKeyIds', { org, user })
  await store.call('putRestoring', { org, user, copies: [{ version: 1, sealed: 'sealed' }], now })
  await store.query('restoringOf', { org, user })
  await store.call('dropRestoring', { org, user })
  await store.call('dropRestoring', { org, user })
}

/** A hook from its making to its end, and deliveries that come once and again. */
async function hooksStory(
  store: HubStore,
  { org, user }: { org: OrgId; user: UserId },
  project: ProjectId,
): Promise<void> {
  const hook = names().id('hook')
  const about = { org, user, id: hook, name: 'Issues', kind: 'github' as const, project }
  await store.call('addHook', { ...about, repo: 'https://a.example/b', rules: '{}', sealed: 's', now })
  await store.query('findHook', { id: hook })
  await store.query('listHooks', { org, user })
  await store.call('rotateHook', { org, user, id: hook, sealed: 't', now: now + 1 })
  const seen = { delivery: 'one', digest: hashOf('body') }
  const note = {
    org,
    hook,
    seen,
    task: parseRunId('hook-1'),
    reason: null,
    outcome: 'started hook-1',
    now,
    before: now - day,
  }
  await store.query('findHookDelivery', { org, hook, ...seen })
  await store.call('noteHookDelivery', note)
  await store.call('noteHookDelivery', { ...note, task: null })
  await store.call('noteHookDelivery', { ...note, seen: null })
  await store.query('findHookDelivery', { org, hook, ...seen, digest: 'another' })
  await store.call('noteHookDelivery', { ...note, seen: null, before: now + 1 })
  await store.query('findHookDelivery', { org, hook, ...seen })
  await store.query('listHooks', { org, user })
  for (const isOff of [true, true, false]) await store.call('turnHook', { org, user, id: hook, isOff, now: now + 2 })
  for (const since of [now - 1, now])
    await store.call('noteHookRefusal', { org, hook, reason: 'x', now: now + 1, since })
  await store.query('listHookOutcomes', { org, user, id: hook })
  await store.call('removeHook', { org, user, id: hook })
  await store.query('listHookOutcomes', { org, user, id: hook })
  await store.call('removeHook', { org, user, id: hook })
}

async function story(store: HubStore): Promise<void> {
  const { id, noteOf, sessionOf } = names()
  const me = await store.call('firstUser', { org: id('org'), user: id('user'), name: 'me', now, token: null })
  const { org, user } = me
  const accepted = { issuers: [{ provider: 'oidc' as const, issuer: 'https://i' }], domains: ['localhost'] }

  // Browsers and tokens.
  await store.call('addLink', { org, user, hash: hashOf('link'), expiresAt: now + day, now })
  await store.call('useLink', { linkHash: hashOf('link'), session: sessionOf('browser') })
  await store.query('findBrowserSession', { hash: hashOf('browser'), now })
  await store.query('listBrowserSessions', { org, user, now })
  const token = { org, user, name: 'mine', scopes: ['read' as const], now }
  await store.call('addToken', { ...token, id: id('token'), hash: hashOf('t1') })
  await store.call('replaceToken', { ...token, id: id('token'), hash: hashOf('t2') })
  const found = await store.query('findToken', { hash: hashOf('t2') })
  await store.query('listTokens', { org, user })
  await store.call('deleteToken', { org, user, id: found!.id })

  // Accounts, passkeys, invitations.
  const invitation = { org, user, id: id('invitation'), hash: hashOf('come'), note: 'Ann', grants: '[]' }
  await store.call('addInvitation', { ...invitation, now, expiresAt: now + day })
  await store.query('isInvited', { hash: hashOf('come'), now })
  await store.query('listInvitations', { org, user, rows: 10 })
  const proven = { provider: 'oidc' as const, issuer: 'https://i', subject: 's', label: 'ada', email: 'ada@a.example' }
  const account = { org: id('org'), user: id('user'), name: 'ada', now }
  const ada = await store.call('signInWithIdentity', {
    proven,
    identity: id('identity'),
    account,
    refusal: null,
    invitation: hashOf('come'),
    session: sessionOf('ada'),
    joining: [],
  })
  const linking = { owner: ada.user, browserSession: '', proven: { ...proven, subject: 'two' }, joining: [], now }
  const [session] = await store.query('listBrowserSessions', { org: account.org, user: account.user, now })
  await store.call('linkIdentity', { ...linking, browserSession: session!.id, id: id('identity') })
  const [identity] = await store.query('listIdentities', account)
  await store.call('unlinkIdentity', { ...account, id: identity!.id, accepted })
  const passkeyOf = (credential: string) => ({
    id: id('passkey'),
    credential,
    publicKey: 'key',
    counter: 1,
    transports: ['usb'],
    domain: 'localhost',
    synced: true,
    name: 'Stick',
  })
  const passkey = passkeyOf('c1')
  await store.call('addPasskey', { ...account, passkey, now })
  await store.query('findPasskey', { credential: 'c1' })
  await store.query('listPasskeys', account)
  await store.call('renamePasskey', { ...account, id: passkey.id, name: 'Key' })
  await store.call('signInWithPasskey', { ...account, id: passkey.id, counter: 2, session: sessionOf('p', 'ada') })
  await store.call('removePasskey', { ...account, id: passkey.id, accepted })
  const second = { ...invitation, id: id('invitation'), hash: hashOf('also'), now, expiresAt: now + day }
  await store.call('addInvitation', second)
  const eve = { org: id('org'), user: id('user'), name: 'eve', now }
  const signUp = { account: eve, invitation: hashOf('also'), passkey: passkeyOf('c2'), session: sessionOf('eve') }
  await store.call('signUpWithPasskey', signUp)
  await store.call('withdrawInvitation', { org, user, id: second.id })
  await store.call('endBrowserSession', { org: account.org, id: session!.id })
  await store.call('endBrowserSessions', { ...account, only: null, except: null })
  await store.query('findUser', { name: 'eve' })
  const attempt = { org: '' as const, hash: hashOf('try'), purpose: 'oidc' }
  await store.call('beginAttempt', { ...attempt, data: '{}', now, expiresAt: now + day })
  await store.call('takeAttempt', { ...attempt, now })

  // Devices: pairing, grants, tokens, keys.
  const sealed = { sealKey: 'age1x', sealProof: 'proof' }
  const keys = { publicKey: 'pub', kind: 'desktop', name: 'Desk', ...sealed }
  const pairing = { org, user, issuer: 'session:x', now, expiresAt: now + day }
  const [first, other] = [id('pairing'), id('pairing')]
  await store.call('newPairing', { ...pairing, id: first, codeHash: hashOf('K7Q2M9XD') })
  const claim = { ...keys, code: 'K7Q2M9XD', codeHash: hashOf('K7Q2M9XD'), claimHash: hashOf('claim'), now }
  await store.call('claimPairing', claim)
  await store.query('findPairing', { org, user, id: first })
  await store.query('findClaim', { claimHash: hashOf('claim') })
  const text = transcriptText({ pairing: first, code: claim.code, publicKey: 'pub', sealKey: sealed.sealKey })
  const digits = digitsOf(createHash('sha256').update(text).digest())
  const desk = deviceNamed('desk')
  const notes = () => ({ added: noteOf('device-added'), denied: noteOf('pairing-denied') })
  const confirm = { org, user, id: first, device: desk, now }
  await store.call('confirmPairing', { ...confirm, digits: digits === '00' ? '01' : '00', notes: notes() })
  await store.call('confirmPairing', { ...confirm, digits, notes: notes() })
  await store.call('takePairedSession', { claimHash: hashOf('claim'), session: sessionOf('paired') })
  await store.call('newPairing', { ...pairing, id: other, codeHash: hashOf('other') })
  await store.call('cancelPairing', { org, user, id: other, as: 'cancelled' })
  const grant = { ...keys, codeHash: hashOf('g'), userCodeHash: hashOf('u'), state: 'pending' as const, now }
  const open = { org: '' as const, user: '' as const, expiresAt: now + day, redirectUri: null, challenge: null }
  await store.call('newGrant', { ...grant, ...open, publicKey: 'pub2' })
  await store.query('findGrant', { userCodeHash: hashOf('u'), now })
  await store.call('pollGrant', { codeHash: hashOf('g'), now })
  const lap = deviceNamed('lap')
  await store.call('decideGrant', { org, user, userCodeHash: hashOf('u'), device: lap, now })
  await store.call('pollGrant', { codeHash: hashOf('g'), now: now + day / 2 })
  const redirect = { redirectUri: 'http://127.0.0.1:1/', challenge: 'c', org, user, state: 'approved' as const }
  await store.call('newGrant', { ...grant, ...open, ...redirect, codeHash: hashOf('r'), userCodeHash: null })
  const taken = await store.call('takeRedirect', { codeHash: hashOf('r'), now })
  await store.call('admitGrant', {
    grant: { ...taken!, publicKey: 'pub3' },
    device: deviceNamed('box'),
    note: noteOf('device-added'),
    now,
  })
  const turn = { org, id: desk, provedAt: now, now }
  for (const [from, to] of [
    [null, 'a'],
    ['a', 'b'],
    ['a', 'c'],
    ['c', 'd'],
    ['b', 'e'],
  ] as const)
    await store.call('turnToken', { ...turn, shown: from && hashOf(from), next: hashOf(to) })
  await store.call('turnToken', { ...turn, provedAt: now - 1, shown: hashOf('d'), next: hashOf('f') })
  await store.call('turnToken', { ...turn, provedAt: now - day, now: now - day, shown: hashOf('d'), next: hashOf('g') })
  await store.call('setSealKey', { org, id: desk, ...sealed })
  await store.query('ownerKeysFor', { org, user, device: desk })
  const copy = { version: 1, sealed: 'x', by: desk, byKey: 'k', signature: 's' }
  const copies = [
    { ...copy, recipient: desk },
    { ...copy, recipient: 'recovery' as const, sealKey: 'age1y' },
  ]
  await store.call('putOwnerKey', { org, user, device: desk, version: 1, keyId: 'key', copies, now })
  await store.call('wantOwnerKeys', { org, user })
  await store.query('ownerKeysFor', { org, user, device: desk })
  const about = { os: 'linux', runtimes: [{ language: 'python', kernel: 'python', version: '3' }], projects: [] }
  await store.call('describeDevice', { org, id: desk, ...about, now })
  await store.query('listDevices', { org })

  // Projects and documents.
  const made = { org, id: id('project'), name: 'demo', owner: 'me', tree: id('document'), now }
  const { project } = await store.call('ensureProject', made)
  await store.call('adoptProject', { ...made, id: id('project'), tree: id('document') })
  await workersStory(store, me, project.id)
  await hooksStory(store, me, project.id)
  const document = id('document')
  await store.call('indexTree', { org, project: project.id, paths: [[document, 'a.md']], now })
  await store.call('adoptDocument', { org, project: project.id, id: id('document'), now })
  await store.call('touchDocuments', { documents: [{ org, id: document, at: now + 5 }] })
  await store.query('listProjects', { org })
  await store.query('everyProject')
  await store.query('listOrgs')
  await store.query('findDocument', { org, id: document })
  await store.query('findDocumentEver', { org, id: document })
  await store.query('findDocumentAt', { org, owner: 'me', project: 'demo', path: 'a.md' })
  await store.query('listDocuments', { org, project: project.id, after: '', rows: 10 })
  const place = { org, project: project.id }
  const invited = { ...place, email: 'kim@a.example', roles: ['viewer' as const], by: user, now }
  await store.call('audited', { org, call: 'inviteMember', args: invited, note: { ...noteOf('member-invited'), org } })
  await store.call('dropInvitation', { ...place, email: 'kim@a.example' })

  // What everybody may read.
  const publication = { org, document, mode: 'continuous' as const, version: null, indexed: false, entries: null }
  const shown = parseAssetId(`sha256-${hashOf('shown')}`)
  await store.call('publishDocument', { ...publication, assets: [], by: 'me', now })
  const history = store as unknown as Database<HistoryProcedures>
  const written = { kind: 'edit' as const, of: null, request: null, chars: 1, added: 1, removed: 0, authors: [] }
  const version = { ...written, at: now, epoch: 1, position: 1, hash: 'h', unattributed: false }
  const covered = { epoch: 1, position: 1 }
  await history.call('addVersions', { org, document, after: 0, covered, versions: [version], texts: [] })
  await store.call('publishDocument', { ...publication, mode: 'pinned', version: 1, assets: [], by: 'me', now })
  await history.query('historyOutline', { org, document })
  await store.call('publishDocument', {
    ...publication,
    indexed: true,
    entries: '{}',
    assets: [shown],
    by: 'me',
    now: now + 1,
  })
  await store.query('findPublication', { org, document })
  await store.query('listPublications', place)
  for (const path of ['a.md', 'a', 'not there'])
    await store.query('findPublished', { owner: 'me', project: 'demo', path })
  await store.query('publishedIn', { owner: 'me', project: 'demo', first: document })
  await store.query('publishedList', { owner: 'me', project: 'demo' })
  await store.call('indexTree', { ...place, paths: [[document, 'moved.md']], now: now + 2 })
  await store.query('findPublished', { owner: 'me', project: 'demo', path: 'a.md' })
  await store.call('indexTree', { ...place, paths: [[document, 'a.md']], now: now + 3 })
  await store.call('unpublishDocument', { org, document })
  await store.call('unpublishDocument', { org, document })

  // Runs, gates, what became of them.
  const asked = (name: string) => ({
    org,
    id: parseRunId(name),
    document,
    language: 'python',
    runtime: 'python',
    sessionName: name,
    newSession: id('session'),
    code: name,
    codeHash: hashOf(name),
    cell: null,
    chosenDevice: null,
    requestedBy: 'me',
    asker: { org, user },
    now,
    expiresAt: now + day,
  })
  const begin = async (name: string, events: RunEvent[]) => {
    const { run } = await store.call('createRun', asked(name))
    await store.query('sessionsWithQueue')
    await store.call('setReasons', { org, id: run.id, reasons: ['so'] })
    const leasing = { org, id: run.id, device: desk, newHead: id('head'), reasons: [], now, expiresAt: now + day }
    const { lease } = (await store.call('leaseRun', leasing))!
    const holding = { org, device: desk, head: lease.head, fence: lease.fence }
    await store.call('runtimeUp', { ...holding, kernel: 'python' })
    await store.query('undeliveredOrders')
    const begun: RunEvent = { type: 'started', at: now, device: 'Desk', language: 'python', kernel: 'python' }
    const all = [begun, ...events]
    await store.call('appendEvents', { ...holding, id: run.id, first: parseSeq(1), events: all.map(logged), now })
    return { ...holding, id: run.id, session: run.session }
  }
  const gate = { gate: id('gate'), nonce: 'n'.repeat(32), title: 'Delete?', shown: 'rm \0 x', expiresAt: now + 1 }
  const gated = await begin('gated', [{ type: 'gate-opened', at: now, ...gate }])
  await store.call('cancelRun', { org, id: gated.id, reason: 'enough', gone: [], now })
  await store.query('undeliveredOrders')
  await store.call('expireGate', { org, id: gate.gate, now: now + 5 })
  await store.query('unreceivedGates', { device: desk })
  const waiting = await begin('asks', [{ type: 'input-request', at: now, id: 'q', prompt: '?', password: false }])
  await store.query('waitingInput', { org, id: waiting.id })
  await store.query('listRuns', { org, filter: {}, before: null, rows: 10 })
  await store.query('listVisibleRuns', { asker: { org, user }, filter: { device: desk }, before: null, rows: 1 })
  await store.query('orgsServedBy', { device: desk })
  await store.query('findSession', { org, id: waiting.session })
  await store.call('giveBackHeads', { org, device: desk, now: now + 1 })
  await store.call('runtimeDown', { ...waiting, reason: 'stopped', rests: false, now: now + 2 })
  const later = now + 2 * day
  await store.query('lostRuns', { now: later, silentSince: later })
  await store.call('interruptLostRun', { org, id: waiting.id, now: later, silentSince: later })
  const ending: RunEvent = { type: 'completed', at: now + 9, durationMs: 9 }
  const afterwards = { device: desk, id: waiting.id, fence: parseFence(waiting.fence), seq: parseSeq(3), event: ending }
  await store.call('noteAfterwards', afterwards)
  await store.call('noteAfterwards', afterwards)
  await store.call('createRun', asked('stale'))
  await store.call('setAside', { org, id: parseRunId('stale'), why: 'changed', reason: 'Still?', now })
  await store.query('unansweredRuns', { askedBefore: now + 1 })
  await store.query('oldLogs', { endedBefore: later + 1, now: later })
  for (const days of [1, null]) {
    await store.call('setRetention', { org, project: project.id, days })
    await store.query('retentionOf', { org, project: project.id })
    await store.query('oldLogs', { endedBefore: 0, now: later + 2 * day })
  }
  await store.query('excessLogs', { mostBytes: 0 })
  await store.call('expireLog', { org, id: waiting.id, now: later })
  await store.query('oldRecords', { endedBefore: later + 1 })
  await store.call('dropRecord', { org, id: waiting.id })

  // Telling people.
  await store.call('pushKeys', { made: { publicKey: 'p', privateKey: 's' }, now })
  await store.call('pushKeys', { made: { publicKey: 'other', privateKey: 'other' }, now })
  await store.query('isFirstUser', { org, user })
  const settings = { kinds: {}, afterSeconds: 0, quiet: null, projects: [] }
  await store.call('setNotifySettings', { org, user, settings })
  await store.query('notifySettings', { org, user })
  await store.call('setLooking', { org, id: 'nobody', until: now })
  const secrets = { p256dh: null, auth: null, topic: null, secret: null, sealed: null }
  const none = { ...secrets, inside: false, shown: null, mark: null, replaces: null }
  const wayOf = (credential: string) => ({ ...none, org, user, id: id('way'), name: 'W', credential, now })
  const hook = { ...wayOf('token:x'), kind: 'webhook' as const, url: 'https://a.example/', secret: 's' }
  await store.call('addWay', hook)
  const phone = { ...wayOf('token:x'), kind: 'push' as const, url: 'https://p.example/1', p256dh: 'k', auth: 'a' }
  await store.call('addWay', phone)
  await store.call('addWay', { ...phone, id: id('way') })
  await store.call('addWay', { ...phone, id: id('way'), url: 'https://p.example/2', replaces: phone.url })
  const told = await begin('told', [{ type: 'input-request', at: now, id: 'q', prompt: 'Who?', password: false }])
  await store.query('dueNotices', { now, rows: 10 })
  await store.call('planNotices', { org, user, now })
  const page = { now, perUser: 4, rows: 10 }
  const due = await store.query('dueDeliveries', page)
  const toHook = { org, notice: due[0]!.notice, way: hook.id }
  const leased = { receiptHash: hashOf('receipt'), now, leaseUntil: now + day }
  const claimed = await store.call('claimDelivery', { ...toHook, ...leased })
  await store.call('claimDelivery', { ...toHook, ...leased })
  const again = { as: 'again' as const, at: now + 1, code: 'unreachable' as const, detail: 'x' }
  await store.call('settleDelivery', { ...toHook, attempt: claimed!.attempt, outcome: again, now })
  await store.call('claimDelivery', { ...toHook, ...leased, now: now + 1 })
  await store.call('settleDelivery', { ...toHook, attempt: 2, outcome: { as: 'accepted' }, now: now + 2 })
  await store.query('findReceipt', { hash: hashOf('receipt') })
  await store.call('confirmDelivery', { ...toHook, now: now + 3 })
  await store.call('cancelRun', { org, id: told.id, reason: 'enough', gone: [desk], now: now + 4 })
  await store.call('planNotices', { org, user, now: now + 4 })
  const teller = { org, run: told.id, project: project.id, to: { org, user } }
  const said = { ...teller, key: 'run/a/1', title: 'T', text: '', now: now + 4 }
  await store.call('tellFromWorkflow', { ...said, ways: null })
  await store.call('tellFromWorkflow', { ...said, ways: ['webhook'] })
  await store.call('tellFromWorkflow', { ...said, key: 'run/b/1', ways: ['email'] })
  await store.query('dueDeliveries', { ...page, now: now + 4 })
  const words = { title: 'T' as Filled, text: 'x' as Filled, url: '/m/', tag: 'test' }
  await store.call('makeTest', {
    org,
    user,
    way: hook.id,
    notice: 'test-1',
    ...words,
    ...leased,
    now: now + 5,
    receiptHash: hashOf('test'),
  })
  await store.query('listWays', { org, user })
  const mail = { ...wayOf('token:x'), kind: 'email' as const, url: '', sealed: 's', shown: 'a…@b.example', mark: 'm' }
  await store.call('addWay', mail)
  const code = { org, user, way: mail.id, notice: 'code-1', ...words, ...leased, mark: 'm', until: now + day }
  await store.call('makeCode', { ...code, now: now + 5, receiptHash: hashOf('code') })
  await store.call('spendCodeTry', { org, user, id: mail.id, now: now + 6 })
  await store.call('confirmWay', { org, user, id: mail.id, notice: 'code-1' })
  await store.query('wayTarget', { org, user, id: mail.id })
  const plain = await store.query('plainWays')
  await store.call('sealPlainWays', { ways: plain.map(row => ({ ...row, sealed: 's' })) })
  await store.call('removeWay', { org, user, id: hook.id })
  await store.call('sweepNotices', { before: now + day, rows: 100 })

  // Several hubs.
  await store.call('beatHub', { org, hub: 'one', now, forgetBefore: now - day })
  await store.call('heardNews', { org, hub: 'one', position: 3 })
  await store.query('listHubs')
  await store.query('newsOf', { org, subject: `device ${desk}` })
  const answer = { type: 'MRP_RESPONSE' as const, id: 1, ok: true as const, result: { n: 1 } }
  const back = { to: 'hub' as const, device: desk, answer }
  await store.call('postOrder', { org, recipient: 'one', order: back, now, expiresAt: now + day })
  await store.call('takeHubOrders', { org, hub: 'one' })

  // Assets.
  const asset = parseAssetId(`sha256-${hashOf('bytes')}`)
  const key = { org, user, asset }
  const caps = { perUser: 5, perOrgBytes: 1_000 }
  const upload = await store.call('beginUpload', { ...key, upload: 'u1', object: 'o1', total: 5, caps, now })
  await store.query('findUpload', key)
  await store.call('saveUpload', { ...upload, received: 3, caps, now })
  await store.query('listAssetUploads', { touchedBefore: now + 1 })
  await store.call('finishUpload', { ...upload, received: 5, bytes: 5, mimeType: 'text/plain', now })
  await store.query('findAsset', { org, id: asset })
  await store.call('claimAsset', { org, id: asset })
  const half = { ...key, asset: parseAssetId(`sha256-${hashOf('half')}`), upload: 'u2', object: 'o2' }
  await store.call('beginUpload', { ...half, total: null, caps, now })
  await store.call('dropUpload', { org, upload: 'u2', object: 'o2', now })
  await store.query('unreadDocuments', { org, after: '', most: 10 })
  await store.call('recordDocument', { org, document, epoch: 1, position: 1, assets: [asset] })
  await store.query('readOldRuns', { org, run: '', seq: 0, most: 10 })
  await store.call('recordOldRuns', { org, found: [], done: true })
  await store.call('recordDocument', { org, document, epoch: 1, position: 2, assets: [] })
  await store.call('markAssets', { org, now })
  await store.call('sweepAssets', { org, before: later, most: 10, now: later })
  await store.query('listRemovals', { most: 10 })
  await store.call('removed', {
    objects: [
      { org, object: 'o1' },
      { org, object: 'o2' },
    ],
  })

  // Saved sessions.
  const { session: live, head, fence } = gated
  const partNamed = (name: string) => ({
    part: hashOf(name),
    bytes: 40,
    sha256: hashOf(`${name}!`),
    object: `${org}/${name}`,
  })
  const [one, two] = [partNamed('one'), partNamed('two')]
  const bring = async (...arrived: (typeof one)[]) => {
    const objects = arrived.map(({ object }) => object)
    await store.call('beginParts', { org, objects, bytes: 40 * objects.length, mostBytes: 1_000, now })
    await store.call('finishParts', { org, arrived, now })
  }
  await bring(one)
  await bring({ ...one, sha256: hashOf('other'), object: 'o3' }, { ...one, object: 'o4' })
  const parts = [one.part, two.part]
  await store.call('askParts', { org, parts, now })
  const fit = { os: 'linux', arch: 'x64', cpu: [], language: 'python', version: '3.11' }
  const inside = { variables: [], more: 0, processes: 1, threads: 1 }
  const record = {
    ...{
      id: id('snapshot'),
      session: live,
      head,
      fence,
      device: desk,
      kind: 'portable' as const,
      name: null,
      fit,
      inside,
    },
    ...{ asOf: { at: now, run: null }, lost: [], bytes: 1, addedBytes: 1, pauseMs: 1.25, keyVersion: 1 },
    ...{ manifest: one.part, parts },
  }
  const snapshotCaps = { bytes: 1_000, keptPerSession: 1, namedPerSession: 1, usedSince: now - 1 }
  const stored = { org, caps: snapshotCaps, now }
  await store.call('storeSnapshot', { ...stored, record })
  await bring(two)
  await store.call('storeSnapshot', { ...stored, record })
  await store.call('storeSnapshot', { ...stored, record })
  const next = { ...record, id: id('snapshot'), parts: [one.part] }
  await store.call('storeSnapshot', { ...stored, record: next, now: now + 1 })
  await store.query('listSnapshots', { org })
  await store.query('listSnapshots', { org, session: live })
  await store.query('listSnapshots', { org, project: project.id })
  await store.query('findSnapshot', { id: next.id })
  await store.call('useSnapshot', { org, id: next.id, now })
  await store.call('nameSnapshot', { org, id: next.id, name: 'kept', most: 1 })
  await store.call('refuseSnapshot', { org, id: next.id, why: 'altered', damaged: true })
  await store.query('findParts', { org, parts })
  await bring({ ...one, sha256: hashOf('mended'), object: 'o5' })
  await store.call('sweepSnapshots', { org, caps: snapshotCaps })
  await store.call('deleteSnapshot', { org, id: next.id })
  await store.call('sweepParts', { org, before: now, most: 10, now: later })

  await store.call('settleRestore', { now: later, note: noteOf('backup-restored') })
  await store.query('newsPosition')
  await store.query('readNews', { after: 0, rows: 1_000 })
}

test('every procedure of the hub answers on PostgreSQL as on SQLite, number for number', async t => {
  const file = listening(await openFile(t))
  const shared = listening(await openPostgres(t))
  await story(file.store)
  await story(shared.store)
  assert.equal(shared.said.length, file.said.length)
  for (const [at, said] of shared.said.entries()) assert.deepEqual(said, file.said[at])
  const refused = shared.said.filter(([, answer]) => String(answer).startsWith('refused: '))
  assert.deepEqual(refused, [], 'the story is of what goes well')
})

test('no procedure is left out on PostgreSQL', async () => {
  const files = [...otherSuites, 'every-procedure.test.ts'].map(name => join(import.meta.dirname, name))
  const texts = await Promise.all(files.map(file => readFile(file, 'utf8')))
  const called = new Set(
    texts.flatMap(text => [...text.matchAll(/(?:call|query)\(\s*'(\w+)'/g)].map(match => match[1])),
  )
  assert.deepEqual(
    Object.keys(procedures).filter(name => !called.has(name)),
    [],
  )
})
