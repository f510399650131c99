/**
 * kill -9 of a restore into PostgreSQL and S3 at moments drawn from a seed: the hub has the old data or the new, never a
 * mixture and never an asset too few, and the next restore goes through (BK25, I9). MESHBOOK_KILLS says how many moments;
 * MESHBOOK_SEED where the draw begins.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { openS3 } from '@meshbook/hub/objects/open-objects.ts'
import { backUp, restoreInto, type TestBackup } from '@meshbook/hub/testing/backup-job.ts'
import { seeded } from '@meshbook/hub/testing/seeded.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { enterEveryOrg } from '@meshbook/relay/sql/postgres-guard.ts'
import { onDatabase, TestPostgres } from '../postgres.ts'
import { S3Server } from '../s3-server.ts'

const kills = Number(process.env.MESHBOOK_KILLS ?? 12)
const seed = Number(process.env.MESHBOOK_SEED ?? 22)
const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const documents = 40
const postgres = await TestPostgres.start({ after })

const names = ['old', 'new'] as const
type Name = (typeof names)[number]
const hexOf = (text: string) => createHash('sha256').update(text).digest('hex')

async function fill(test: TestHub, name: Name): Promise<void> {
  for (let i = 0; i < documents; i++) await test.document(`${name}-${i}.md`, `${name} `.repeat(5_000))
  const url = `${test.hub.url}/api/v1/assets/sha256-${hexOf(name)}`
  const headers = { authorization: `Bearer ${test.token}` }
  assert.equal((await fetch(url, { method: 'PUT', headers, body: name })).status, 201)
}

interface Place {
  /** Its hub is closed. */
  hub: TestHub
  env: NodeJS.ProcessEnv
  backups: Record<Name, TestBackup>
}

/** A hub on servers that holds the old, and backups of both. */
async function setUp(t: TestContext): Promise<Place> {
  const { url, ownerUrl } = await postgres.newDatabase()
  const env = {
    ...(await S3Server.start(t)).env(),
    MESHBOOK_DATABASE_URL: url,
    MESHBOOK_DATABASE_OWNER_URL: ownerUrl,
  }
  const [hub, other] = [await startTestHub(t, { env }), await startTestHub(t)]
  await fill(hub, 'old')
  await fill(other, 'new')
  const backups = { old: await backUp(t, hub.config), new: await backUp(t, other.config) }
  await hub.hub.close()
  await other.hub.close()
  return { hub, env, backups }
}

function startRestore(t: TestContext, { hub, env }: Place, { file, key }: TestBackup): ChildProcess {
  const args = [main, 'restore', file, '--replace', '--data', hub.folder]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: 'ignore',
    env: { ...process.env, ...env, MESHBOOK_RECOVERY_KEY: key },
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

/** What the hub would find; fails on anything that is neither the one nor the other. */
async function generationOf({ hub: { config } }: Place): Promise<Name> {
  const { rows } = await onDatabase(config.database!.url, async client => {
    await client.query(enterEveryOrg)
    return client.query<{ path: string }>('SELECT path FROM documents')
  })
  const found = new Set(rows.map(({ path }) => path.split('-')[0] as Name))
  assert.deepEqual([rows.length, found.size], [documents, 1], 'the two are mixed')
  const [name] = [...found] as [Name]
  const assets = await onDatabase(config.database!.url, async client => {
    await client.query(enterEveryOrg)
    return client.query<{ object: string }>('SELECT object FROM assets')
  })
  const s3 = openS3(config.s3!, { now: Date.now, random: systemRandom })
  for (const { object } of assets.rows) assert.deepEqual(await s3.assets.head(object), { bytes: name.length })
  s3.close()
  assert.ok(assets.rows.length === 1 && assets.rows[0]!.object.includes(hexOf(name)))
  return name
}

/** So long after such a query was first seen to run, or after the start of the program. */
interface Moment {
  query: string | undefined
  withinMs: number
}

/** Resolves when the restore asks that of the database, or has ended. */
async function asks({ hub: { config } }: Place, child: ChildProcess, query: string): Promise<void> {
  const sql =
    "SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'meshbook' AND query LIKE $1"
  await onDatabase(config.database!.ownerUrl!, async client => {
    while (child.exitCode === null && (await client.query(sql, [query])).rowCount === 0)
      await new Promise(resolve => setTimeout(resolve, 1))
  })
}

/** True when it was killed before its end. */
async function killAt(
  place: Place,
  child: ChildProcess,
  { query, withinMs }: Moment,
  chance: number,
): Promise<boolean> {
  const exit = once(child, 'exit')
  if (query !== undefined) await asks(place, child, query)
  await new Promise(resolve => setTimeout(resolve, withinMs * chance))
  child.kill('SIGKILL')
  const [, signal] = await exit
  return signal !== null
}

test(`a restore into servers killed at ${kills} moments of seed ${seed} leaves the old data or the new (BK25, I9)`, async t => {
  const place = await setUp(t)
  const random = seeded(seed)
  const began = performance.now()
  const [code] = await once(startRestore(t, place, place.backups.new), 'exit')
  assert.equal(code, 0)
  const lastsMs = performance.now() - began
  let current = await generationOf(place)
  assert.equal(current, 'new')
  const seen = new Map<string, number>()
  const moments: Moment[] = [
    { query: undefined, withinMs: lastsMs },
    { query: 'INSERT INTO meshbook_restore%', withinMs: 200 },
    { query: 'ANALYZE%', withinMs: 500 },
    { query: 'ALTER TABLE%SET SCHEMA%', withinMs: 500 },
  ]
  for (let i = 0; i < kills; i++) {
    const wanted: Name = current === 'old' ? 'new' : 'old'
    const child = startRestore(t, place, place.backups[wanted])
    const signal = await killAt(place, child, moments[i % moments.length]!, random())
    const now: Name = await generationOf(place)
    if (!signal) assert.equal(now, wanted)
    const what = `${signal ? 'killed' : 'ended'}, ${now === wanted ? 'new' : 'old'}`
    seen.set(what, (seen.get(what) ?? 0) + 1)
    current = now
  }
  t.diagnostic([...seen].map(([what, count]) => `${what}: ${count}`).join('; '))
  assert.ok([...seen.keys()].some(what => what.startsWith('killed')))
  await restoreInto(place.hub.config, place.backups.old, true)
  assert.equal(await generationOf(place), 'old')
  await place.hub.restart()
})

test('a restore whose object store or database fails in the middle leaves the old data as it was (BK25)', async t => {
  const place = await setUp(t)
  const { ownerUrl } = place.hub.config.database!
  const s3 = { ...place.hub.config.s3!, secretAccessKey: 'wrong' }
  await assert.rejects(restoreInto({ ...place.hub.config, s3 }, place.backups.new, true))
  assert.equal(await generationOf(place), 'old')
  const cut = onDatabase(ownerUrl!, async client => {
    const sql = `SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND application_name = 'meshbook' AND to_regnamespace('meshbook_restore') IS NOT NULL`
    while (!(await client.query<{ done: boolean }>(sql)).rows.some(({ done }) => done))
      await new Promise(resolve => setTimeout(resolve, 2))
  })
  await assert.rejects(restoreInto(place.hub.config, place.backups.new, true))
  await cut
  assert.equal(await generationOf(place), 'old')
})
