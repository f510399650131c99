/** What every database must do about members and the audit log: the same procedures on SQLite and on PostgreSQL. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { deviceIdOf, newId, parseAssetId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import type { AuditNote } from '@meshbook/hub/store/audit.ts'
import { type AllProcedures, hubModules } from '@meshbook/hub/store/open-store.ts'
import type { Database } from '@meshbook/relay/sql/database.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { TestPostgres } from '../postgres.ts'

type Store = Database<AllProcedures>

const server = await TestPostgres.start({ after })
const databases: Record<string, (t: TestContext) => Promise<Store>> = {
  async SQLite(t) {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-members-'))
    const store = await SqliteDatabase.open<AllProcedures>({ file: join(folder, 'hub.db'), modules: hubModules })
    t.after(async () => {
      await store.close()
      await rm(folder, { recursive: true })
    })
    return store
  },
  async PostgreSQL(t) {
    const { url, ownerUrl } = await server.newDatabase()
    await migratePostgres({ ownerUrl, modules: hubModules, role: new URL(url).username })
    const store = await PostgresDatabase.open<AllProcedures>({ url, modules: hubModules })
    t.after(() => store.close())
    return store
  },
}

const now = 1_800_000_000_000
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)
const person = (store: Store, name: string) => store.call('addUser', { org: id('org'), user: id('user'), name, now })

async function worldOf(store: Store) {
  const [host, ann] = [await person(store, 'host'), await person(store, 'ann')]
  const made = { org: host.org, id: id('project'), name: 'demo', owner: 'host', tree: id('document'), now }
  const { project } = await store.call('ensureProject', made)
  const document = id('document')
  await store.call('indexTree', { org: host.org, project: project.id, paths: [[document, 'a.md']], now })
  return { host, ann, project, document, at: { org: host.org, project: project.id } }
}

type World = Awaited<ReturnType<typeof worldOf>>

const runBy = (store: Store, { host, document }: World, who: World['ann'], run: string) =>
  store.call('createRun', {
    org: host.org,
    id: parseRunId(run),
    document,
    language: 'python',
    runtime: 'python',
    sessionName: run,
    newSession: id('session'),
    code: '1',
    codeHash: '0'.repeat(64),
    cell: null,
    chosenDevice: null,
    requestedBy: who.name,
    asker: { org: who.org, user: who.user },
    now,
    expiresAt: now + 1_000,
  })

const noteOf = (action: string, more: Partial<AuditNote> = {}): AuditNote => ({
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
  ...more,
})

for (const [name, open] of Object.entries(databases)) {
  test(`${name}: ME1 ME2 a place is found with the roles of who asks, and not at all by who is no member`, async t => {
    const store = await open(t)
    const world = await worldOf(store)
    const { host, ann, project, document, at } = world
    const { run } = await runBy(store, world, host, 'r')
    const targets = { project: project.id, document, session: run.session, run: run.id } as const
    const rolesOf = async (asker: typeof ann, kind: keyof typeof targets) =>
      (await store.query('findPlace', { kind, id: targets[kind], asker }))?.roles
    for (const kind of Object.keys(targets) as (keyof typeof targets)[]) {
      assert.deepEqual(await rolesOf(host, kind), ['owner'])
      assert.equal(await rolesOf(ann, kind), undefined)
    }
    await store.call('addMember', { ...at, name: 'ann', roles: ['runner', 'editor'], by: host.user, now })
    for (const kind of Object.keys(targets) as (keyof typeof targets)[])
      assert.deepEqual(await rolesOf(ann, kind), ['editor', 'runner'])
    assert.deepEqual(await store.query('membershipsOf', { asker: ann }), [{ ...at, roles: ['editor', 'runner'] }])
    assert.deepEqual(await store.query('sharedProjects', { projects: [project.id] }), [project])
    assert.equal((await store.query('findProjectNamed', { owner: 'host', name: 'demo' }))?.id, project.id)
    const tree = await store.query('findPlace', { kind: 'document', id: project.tree, asker: ann })
    assert.equal(tree?.project, project.id)
  })

  test(`${name}: ME6 an asset is found where a document of a shared project names it`, async t => {
    const store = await open(t)
    const { host, ann, document, at } = await worldOf(store)
    const asset = parseAssetId(`sha256-${'a'.repeat(64)}`)
    const key = { org: host.org, user: host.user, asset, upload: 'u', object: 'o', total: 1 }
    const begun = await store.call('beginUpload', { ...key, caps: { perUser: 9, perOrgBytes: 99 }, now })
    await store.call('finishUpload', { ...begun, bytes: 1, mimeType: 'image/png', now })
    await store.call('addMember', { ...at, name: 'ann', roles: ['viewer'], by: host.user, now })
    const orgOf = async () => (await store.query('findPlace', { kind: 'asset', id: asset, asker: ann }))?.org
    assert.equal(await orgOf(), ann.org)
    assert.deepEqual(await store.query('projectsThatMayName', { id: asset, asker: ann }), [at])
    await store.call('addReferences', { org: host.org, holder: `document:${document}`, assets: [asset] })
    assert.equal(await orgOf(), host.org)
    assert.equal(await store.query('projectNames', { ...at, asset }), true)
  })

  test(`${name}: ME7 members and invitations are listed, kept apart and taken up`, async t => {
    const store = await open(t)
    const { host, ann, at } = await worldOf(store)
    const by = { by: host.user, now }
    await store.call('addMember', { ...at, ...by, name: 'ann', roles: ['viewer'] })
    await assert.rejects(
      store.call('addMember', { ...at, ...by, name: 'ann', roles: ['owner'] }),
      thrown => thrown instanceof MeshError && thrown.code === 'CONFLICT',
    )
    await store.call('inviteMember', { ...at, ...by, email: 'kim@a.example', roles: ['editor'] })
    await store.call('inviteMember', { ...at, ...by, email: 'kim@a.example', roles: ['editor', 'runner'] })
    const kim = await person(store, 'kim')
    const accept = (email: string, notes = [noteOf('member-added')]) =>
      store.call('acceptInvitations', { member: kim, email, notes, now })
    assert.deepEqual(await accept('kim@a.example', []), [], 'what cannot be noted waits')
    assert.deepEqual(await accept('Kim@A.example'), [at.project])
    assert.deepEqual(await accept('kim@a.example'), [])
    const { items } = await store.query('listAudit', { org: at.org, filter: {}, before: null, rows: 9 })
    assert.deepEqual(
      items.map(({ action, name, target }) => [action, name, target]),
      [['member-added', 'kim', at.project]],
    )
    const members = await store.query('listMembers', at)
    assert.deepEqual(
      members.map(member => [member.name, ...member.roles, member.host]),
      [
        ['host', 'owner', true],
        ['ann', 'viewer', false],
        ['kim', 'runner', 'editor', false],
      ],
    )
    assert.equal(await store.call('setRoles', { ...at, ...by, user: 'usr_nobody', roles: [] }), null)
    assert.equal((await store.call('setRoles', { ...at, ...by, user: ann.user, roles: [] }))?.before[0], 'viewer')
    assert.equal((await store.query('listMembers', at)).length, 2)
  })

  test(`${name}: ME8 with the right to run go tickets, queued runs, and what the member's own device holds`, async t => {
    const store = await open(t)
    const world = await worldOf(store)
    const { host, ann, at } = world
    await store.call('addMember', { ...at, name: 'ann', roles: ['editor', 'runner'], by: host.user, now })
    const ticket = { org: ann.org, user: ann.user, id: id('ticket'), hash: 'h', issuer: 'token:x', project: at.project }
    const times = { now, firstUseBefore: now + 9, expiresAt: now + 9 }
    await store.call('addTicket', { ...ticket, ...times, document: null, scope: 'write' })
    const devices = [deviceIdOf(systemRandom(32)), deviceIdOf(systemRandom(32))] as const
    for (const [i, who] of [host, ann].entries()) {
      const device = { id: devices[i]!, publicKey: `k${i}`, name: `d${i}`, kind: 'desktop', now }
      await store.call('addDevice', { ...device, org: who.org, user: who.user })
    }
    for (const run of ['queued', 'ours', 'theirs']) await runBy(store, world, ann, run)
    const lease = async (run: string, device: (typeof devices)[0]) => {
      const asked = { org: host.org, id: parseRunId(run), device, newHead: id('head'), reasons: [] }
      return (await store.call('leaseRun', { ...asked, now, expiresAt: now + 9 }))!.lease
    }
    const [, theirs] = [await lease('ours', devices[0]), await lease('theirs', devices[1])]
    const held = { heads: [theirs], runs: [{ run: theirs.run, fence: theirs.fence, seq: 0 }] }
    const split = await store.query('splitHeld', { device: devices[1], own: ann.org, ...held })
    assert.deepEqual(
      split.map(({ org, heads, runs }) => [org, heads.length, runs.length]),
      [
        [ann.org, 0, 0],
        [host.org, 1, 1],
      ],
    )
    assert.equal((await store.query('heldInOrg', { device: devices[1], org: host.org })).length, 2)
    const set = { ...at, user: ann.user, roles: ['editor' as const], by: host.user, now }
    const change = (await store.call('setRoles', set))!
    assert.deepEqual(change.ended.map(run => run.id).sort(), ['queued', 'theirs'])
    assert.deepEqual(change.active, ['ours'])
    assert.deepEqual(change.orphaned, [{ run: 'theirs', device: devices[1] }])
    assert.equal(await store.call('useTicket', { hash: 'h', client: 'c', now }), null)
    const live = (await store.query('listSessions', { org: host.org })).filter(({ device }) => device !== null)
    assert.deepEqual(
      live.map(({ device }) => device),
      [devices[0]],
    )
  })

  test(`${name}: AD2 AD3 AD6 notes go with their calls, are found by what is asked for, and go by age`, async t => {
    const store = await open(t)
    const { host, at } = await worldOf(store)
    const { org } = host
    const device = deviceIdOf(systemRandom(32))
    const row = { org, user: host.user, id: device, publicKey: 'k', name: 'd', kind: 'desktop', now }
    const note = noteOf('device-added', { org, name: 'host' })
    assert.equal(await store.call('audited', { org, call: 'addDevice', args: row, note }), true)
    assert.equal(
      await store.call('audited', { org, call: 'addDevice', args: row, note: noteOf('device-added') }),
      false,
    )
    const policy = { runsOfOthers: 'never' as const }
    assert.equal(await store.call('setDevice', { org, user: host.user, id: device, policy }), true)
    assert.deepEqual((await store.query('findDevice', { id: device }))?.policy, policy)
    assert.equal((await store.query('findDevice', { id: device }))?.name, 'd')
    const invite = { ...at, email: 'a@b.example', roles: ['viewer' as const], by: host.user, now }
    // The note has an id that is taken: then neither is there.
    await assert.rejects(store.call('audited', { org, call: 'inviteMember', args: invite, note }))
    assert.equal((await store.query('listMembers', at)).length, 1)
    for (let i = 0; i < 3; i++) await store.call('noteAudit', { org, note: noteOf('sign-in', { at: now + i }) })
    await store.call('noteAudit', { org: null, note: noteOf('sign-in-failed', { detail: { x: 'y'.repeat(9_999) } }) })
    const list = (filter: object, before: string | null = null) =>
      store.query('listAudit', { org, filter, before, rows: 2 })
    assert.equal((await list({ action: 'sign-in', from: now + 1, to: now + 2 })).items.length, 1)
    assert.equal((await list({ user: 'host' })).items[0]?.action, 'device-added')
    assert.deepEqual((await list({ action: 'sign-in-failed' })).items[0]?.detail, { tooLong: true })
    const seen: string[] = []
    for (let before: string | null = null; ; ) {
      const page: Awaited<ReturnType<typeof list>> = await list({}, before)
      seen.push(...page.items.map(entry => entry.id))
      before = page.next
      if (before === null) break
    }
    assert.deepEqual(seen, [...new Set(seen)].sort().reverse())
    assert.equal(seen.length, 5)
    assert.equal(await store.call('trimAudit', { before: now + 1, most: 10 }), false)
    assert.equal((await list({})).items.length, 2)
  })
}
