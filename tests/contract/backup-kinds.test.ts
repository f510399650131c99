/**
 * One backup for every kind of hub: what was made from any pair of stores (SQLite or PostgreSQL, files or S3) is restored into
 * every other one, by the same test.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits as allLimits } from '@meshbook/core/limits.ts'
import { openSource } from '@meshbook/hub/backup/backup-source.ts'
import { withSnapshot } from '@meshbook/hub/backup/blobs.ts'
import { type HubConfig, parseHubConfig } from '@meshbook/hub/config.ts'
import { startHub } from '@meshbook/hub/hub.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { ObjectSnapshotStore } from '@meshbook/hub/objects/object-snapshot-store.ts'
import { openS3 } from '@meshbook/hub/objects/open-objects.ts'
import { isReference } from '@meshbook/hub/objects/snapshot-reference.ts'
import { openStore } from '@meshbook/hub/store/open-store.ts'
import { backUp, restoreInto, verifyIn } from '@meshbook/hub/testing/backup-job.ts'
import { completed, started, stdout, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub, type TestHub, temporaryFolder } from '@meshbook/hub/testing/test-hub.ts'
import { until } from '@meshbook/hub/testing/until.ts'
import { enterEveryOrg } from '@meshbook/relay/sql/postgres-guard.ts'
import type { SqlValue } from '@meshbook/relay/sql/tx.ts'
import { LiveDocument } from '../live-document.ts'
import { onDatabase, TestPostgres } from '../postgres.ts'
import { S3Server } from '../s3-server.ts'

const postgres = await TestPostgres.start({ after })

const hasCode = (code: ErrorCode, detail?: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && (!detail || detail.test(error.detail ?? ''))

interface Kind {
  name: string
  postgres: boolean
  s3: boolean
}
const kinds: readonly Kind[] = [
  { name: 'SQLite and files', postgres: false, s3: false },
  { name: 'PostgreSQL and S3', postgres: true, s3: true },
  { name: 'PostgreSQL and files', postgres: true, s3: false },
  { name: 'SQLite and S3', postgres: false, s3: true },
]
const [, onServers] = kinds as [Kind, Kind]

async function settingsOf(t: TestContext, kind: Kind): Promise<NodeJS.ProcessEnv> {
  const env: NodeJS.ProcessEnv = kind.s3 ? (await S3Server.start(t)).env() : {}
  if (!kind.postgres) return env
  const { url, ownerUrl } = await postgres.newDatabase()
  return { ...env, MESHBOOK_DATABASE_URL: url, MESHBOOK_DATABASE_OWNER_URL: ownerUrl }
}

const limits = { compactAfterUpdates: 1, roomIdleMs: 50 }
const startOn = (t: TestContext, env: NodeJS.ProcessEnv) => startTestHub(t, { env, limits })

/** More than a row holds where there is an object store, of which nothing compresses away. */
const largeText = Array.from({ length: 12_000 }, (_, i) => `line ${i} of a large document\n`).join('')
const asset = Buffer.from('89504e470d0a1a0a00'.repeat(1_000), 'hex')
const assetPath = `/assets/sha256-${createHash('sha256').update(asset).digest('hex')}`

interface Content {
  small: string
  large: string
  run: string
  waiting: string
}

async function fill(t: TestContext, test: TestHub): Promise<Content> {
  const small = await test.document('small.md', '# Wörter 🎈\n')
  const large = await test.document('large.md', largeText)
  const url = `${test.hub.url}/api/v1${assetPath}`
  const put = { method: 'PUT', headers: { authorization: `Bearer ${test.token}` }, body: asset }
  assert.equal((await fetch(url, put)).status, 201)
  const device = new TestDevice()
  await test.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  await device.join(t, test.hub, [test.project.id])
  const ask = () => ({ document: small.id, language: 'python', code: 'print("\u0001")' })
  const { id: run } = await test.json<{ id: string }>('POST', '/runs', ask())
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started, stdout('1\n'), completed])
  await device.drop()
  const { id: waiting } = await test.json<{ id: string }>('POST', '/runs', ask())
  return { small: small.id, large: large.id, run, waiting }
}

async function largeIsObject({ config }: TestHub): Promise<boolean> {
  const s3 = openS3(config.s3!, { now: Date.now, random: systemRandom })
  const { objects } = await s3.snapshots.list('', { most: 10 })
  s3.close()
  return objects.some(({ name }) => !name.startsWith('holds/'))
}

async function checkContent(t: TestContext, config: HubConfig, { small, large, run, waiting }: Content): Promise<void> {
  const hub = await startHub(config, { now: Date.now, random: systemRandom, log: newLog('silent') })
  t.after(() => hub.close())
  const headers = { authorization: `Bearer ${await hub.commandLineToken()}` }
  const get = (path: string) => fetch(`${hub.url}/api/v1${path}`, { headers })
  assert.equal(await (await get(`/documents/${small}/content`)).text(), '# Wörter 🎈\n')
  assert.equal(await (await get(`/documents/${large}/content`)).text(), largeText)
  assert.ok(Buffer.from(await (await get(assetPath)).arrayBuffer()).equals(asset))
  const shown = async (id: string) => (await (await get(`/runs/${id}`)).json()) as { status: string; seq: number }
  assert.deepEqual([(await shown(run)).status, (await shown(run)).seq], ['completed', 3])
  assert.equal((await shown(waiting)).status, 'interrupted', 'what nobody had begun is settled (BK31)')
  assert.equal((await readdir(config.dataFolder)).includes('hub.db'), !config.database)
  if (config.s3)
    assert.ok(!(await readdir(join(config.dataFolder)).then(names => names.includes('assets'))), 'assets are in S3')
  await hub.close()
}

for (const from of kinds)
  test(`BK8 BK9 BK25 a hub on ${from.name} is backed up while it runs, and restored into every kind`, async t => {
    const test = await startOn(t, await settingsOf(t, from))
    const content = await fill(t, test)
    if (from.s3) await until(() => largeIsObject(test))
    const backup = await backUp(t, test.config)
    assert.deepEqual([backup.report.documents, backup.report.assets], [3, 1])
    assert.equal((await verifyIn(await temporaryFolder(t), backup)).documents, 3)
    for (const to of kinds)
      await t.test(`into ${to.name}`, async t => {
        const config = parseHubConfig(await settingsOf(t, to), { port: 0, data: await temporaryFolder(t) })
        const restored = await restoreInto(config, backup)
        assert.deepEqual([restored.documents, restored.assets, restored.missing, restored.kept], [3, 1, [], undefined])
        await checkContent(t, config, content)
      })
  })

async function collectedAfter(config: HubConfig, hours: number): Promise<number> {
  const { store, documents } = await openStore(config, () => undefined)
  const s3 = openS3(config.s3!, { now: Date.now, random: systemRandom })
  const now = () => Date.now() + hours * 60 * 60_000
  try {
    return await new ObjectSnapshotStore(documents, s3.snapshots, {
      now,
      random: systemRandom,
      limits: { ...allLimits, ...limits },
    }).collectOrphans()
  } finally {
    s3.close()
    await store.close()
  }
}

test('BK26 over a hub that runs or has data a restore is refused; --replace keeps the old rows, and what they name', async t => {
  const s3 = await S3Server.start(t)
  const { url, ownerUrl } = await postgres.newDatabase()
  const env = { ...s3.env(), MESHBOOK_DATABASE_URL: url, MESHBOOK_DATABASE_OWNER_URL: ownerUrl }
  const test = await startOn(t, env)
  const content = await fill(t, test)
  await until(() => largeIsObject(test))
  const backup = await backUp(t, test.config)
  await assert.rejects(restoreInto(test.config, backup, true), hasCode('DATA_IN_USE'))
  await test.document('later.md', `${largeText}later`)
  const references = (schema: string) =>
    onDatabase(ownerUrl, async client => {
      await client.query(enterEveryOrg)
      const { rows } = await client.query<{ data: Buffer }>(`SELECT data FROM ${schema}.relay_snapshots`)
      return rows.filter(({ data }) => isReference(data)).length
    })
  await until(async () => (await references('public')) === 2)
  await test.hub.close()
  await assert.rejects(restoreInto(test.config, backup), hasCode('WOULD_OVERWRITE'))
  await assert.rejects(
    restoreInto({ ...test.config, database: { url, ownerUrl: null } }, backup, true),
    hasCode('BAD_CONFIG', /MESHBOOK_DATABASE_OWNER_URL/),
  )
  const { kept } = await restoreInto(test.config, backup, true)
  const [schema = ''] = /before_restore_\w+/.exec(kept ?? '') ?? []
  await checkContent(t, test.config, content)
  const old = await onDatabase(ownerUrl, async client => {
    await client.query(enterEveryOrg)
    return client.query(`SELECT path FROM ${schema}.documents`)
  })
  assert.ok(old.rows.some(({ path }) => path === 'later.md'))
  assert.equal(await references(schema), 2)
  assert.equal(await references('public'), 0, 'restored snapshots are in their rows')
  assert.equal(await collectedAfter(test.config, 3), 0, 'a snapshot of the old is no orphan yet')
  assert.ok((await collectedAfter(test.config, 31 * 24)) >= 2)
})

test('BK9 OB14 what the moment of a backup names is there until its rows are read, and goes then', async t => {
  const test = await startOn(t, await settingsOf(t, onServers))
  const { large } = await fill(t, test)
  await until(() => largeIsObject(test))
  const source = await openSource(
    { ...test.config, now: Date.now, random: systemRandom, onProgress: () => undefined },
    await temporaryFolder(t),
  )
  t.after(() => source.close())
  const names = async () =>
    (await source.snapshots!.list('', { most: 100 })).objects.filter(({ name }) => name.includes(large)).length
  const [table] = (await source.reader.tables()).filter(({ name }) => name === 'relay_snapshots')
  const live = new LiveDocument(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/large.md`, test.token, 'later')
  t.after(() => live.close())
  await live.client.saved()
  // One too many is what a hub has for a moment by itself.
  for (const count of [2, 3]) {
    live.type()
    await until(async () => (await names()) === count)
  }
  const rows: SqlValue[][] = []
  for await (const row of source.reader.rows(table!)) rows.push(await withSnapshot(table!, row, source.snapshots))
  assert.equal(
    rows.length > 0 && rows.every(row => !isReference(row[table!.columns.indexOf('data')] as Uint8Array)),
    true,
  )
  await source.endMoment()
  live.type()
  await until(async () => (await names()) === 1)
  live.close()
  await test.hub.close()
})
