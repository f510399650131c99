import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { type CounterProcedures, counterModule } from '../testing/counter-procedures.ts'
import { temporaryFolder, until } from '../testing/temporary.ts'
import type { StorageHealth } from './database.ts'
import { SqliteDatabase, type SqliteOptions } from './sqlite-database.ts'

const hasCode = (code: ErrorCode, detail?: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && (!detail || detail.test(error.message))

async function open(t: TestContext, file: string, options: Partial<SqliteOptions> = {}) {
  const database = await SqliteDatabase.open<CounterProcedures>({ file, modules: [counterModule], ...options })
  t.after(() => database.close())
  return database
}
const fileIn = async (t: TestContext) => join(await temporaryFolder(t), 'data', 'test.sqlite')

test('a call that throws takes back only its own writes and keeps its code and detail (RL80)', async t => {
  const database = await open(t, await fileIn(t))
  const calls = [
    database.call('add', { name: 'a', by: 1 }),
    database.call('addThenThrow', { name: 'a', by: 10, how: 'mesh' }),
    database.call('addThenThrow', { name: 'a', by: 100, how: 'plain' }),
    database.call('add', { name: 'a', by: 1000 }),
  ]
  const [first, mesh, plain, last] = await Promise.allSettled(calls)
  assert.deepEqual(
    [first, last].map(result => result?.status === 'fulfilled' && result.value),
    [1, 1001],
  )
  assert.ok(mesh?.status === 'rejected' && hasCode('CONFLICT', /not a/)(mesh.reason))
  assert.ok(plain?.status === 'rejected' && hasCode('INTERNAL')(plain.reason))
  assert.match(String((plain.reason as MeshError).cause), /a bug/)
  assert.equal(await database.query('read', { name: 'a' }), 1001)
})

test('calls that wait together share commits (RL2, RL80)', async t => {
  const file = await fileIn(t)
  const database = await open(t, file)
  await database.call('add', { name: 'a', by: 1 })
  const framesBefore = await walFrames(file)
  await Promise.all(Array.from({ length: 500 }, () => database.call('add', { name: 'a', by: 1 })))
  assert.equal(await database.query('read', { name: 'a' }), 501)
  const commits = (await walFrames(file)) - framesBefore
  assert.ok(commits > 0 && commits < 50, `${commits} pages were logged for 500 calls`)
})

async function walFrames(file: string): Promise<number> {
  return Math.floor(((await stat(`${file}-wal`)).size - 32) / 4120)
}

test('a query cannot write (RL81)', async t => {
  const database = await open(t, await fileIn(t))
  await assert.rejects(database.query('add', { name: 'a', by: 1 }))
  assert.equal(await database.call('add', { name: 'a', by: 1 }), 1)
  assert.equal(database.health().ok, true)
})

test('an unknown procedure is refused and harms nothing', async t => {
  const database = await open(t, await fileIn(t))
  await assert.rejects(database.call('constructor' as 'read', { name: 'a' }), hasCode('INTERNAL'))
  assert.equal(await database.call('add', { name: 'a', by: 1 }), 1)
})

test('close stores what was asked for before it', async t => {
  const file = await fileIn(t)
  const database = await open(t, file)
  const calls = Promise.all(Array.from({ length: 100 }, () => database.call('add', { name: 'a', by: 1 })))
  await database.close()
  await calls
  assert.equal(await (await open(t, file)).query('read', { name: 'a' }), 100)
  await assert.rejects(database.call('add', { name: 'a', by: 1 }), hasCode('SHUTTING_DOWN'))
})

test('data of a newer version is refused and not changed (RL82)', async t => {
  const file = await fileIn(t)
  const database = await open(t, file)
  await database.call('add', { name: 'a', by: 7 })
  await database.close()
  setVersion(file, 99)
  await assert.rejects(open(t, file), hasCode('DATA_TOO_NEW', /version 99, this Meshbook knows 2/))
  setVersion(file, 2)
  assert.equal(await (await open(t, file)).query('read', { name: 'a' }), 7)
})

function setVersion(file: string, version: number): void {
  const db = new DatabaseSync(file)
  db.prepare('UPDATE schema_versions SET version = ?').run(version)
  db.close()
}

test('a folder in which no file can be made is named as such (RL82)', {
  skip: process.platform !== 'linux' && 'needs /sys',
}, async t => {
  await assert.rejects(open(t, '/sys/kernel/meshbook.sqlite'), hasCode('READ_ONLY_FOLDER'))
})

test('a file that is no database is not touched (RL83)', async t => {
  const file = join(await temporaryFolder(t), 'test.sqlite')
  await writeFile(file, 'x'.repeat(8192))
  await assert.rejects(open(t, file), hasCode('STORAGE_FAILED', /not a database/))
  assert.equal(await readFile(file, 'utf8'), 'x'.repeat(8192))
})

test('a second opening of the same file is refused while the first is open (RL82)', async t => {
  const file = await fileIn(t)
  const first = await open(t, file)
  await assert.rejects(open(t, file), hasCode('DATA_IN_USE'))
  await first.close()
  await open(t, file)
})

test('another process holds the file until kill -9, and no longer (RL82, I9)', async t => {
  const file = await fileIn(t)
  const holder = spawnHolder(t, file)
  await once(holder.stdout!, 'data')
  await assert.rejects(open(t, file), hasCode('DATA_IN_USE'))
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const database = await open(t, file)
  assert.equal(await database.query('read', { name: 'started' }), 1)
})

function spawnHolder(t: TestContext, file: string): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../testing/lock-holder.ts', import.meta.url)), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

test('a full disk fails every call until there is room again (RL83)', async t => {
  const seen: StorageHealth[] = []
  const database = await open(t, await fileIn(t), { onHealth: health => seen.push(health), reopenMs: 300 })
  await database.call('add', { name: 'a', by: 1 })
  await database.call('limitPages', { more: 4 })
  const together = await Promise.allSettled([
    database.call('add', { name: 'a', by: 1 }),
    database.call('fill', { name: 'big', bytes: 1_000_000 }),
  ])
  assert.ok(together.every(result => result.status === 'rejected' && hasCode('DISK_FULL')(result.reason)))
  assert.equal(database.health().ok, false)
  assert.match(database.health().detail, /disk is full/i)
  await assert.rejects(database.call('add', { name: 'a', by: 1 }), hasCode('DISK_FULL'))
  assert.equal(
    await database.query('read', { name: 'a' }),
    1,
    'reading goes on, and nothing of the failed group is there',
  )
  // The cap of pages belongs to the connection: the file that is opened again has room.
  await until(() => database.health().ok)
  assert.deepEqual(
    seen.map(health => health.ok),
    [false, true],
  )
  assert.equal(await database.call('add', { name: 'a', by: 1 }), 2)
})

test('a writer thread that ends gets a successor: nothing acknowledged is lost, nothing half-made is kept (RL84)', async t => {
  const seen: StorageHealth[] = []
  const file = await fileIn(t)
  const database = await open(t, file, { onHealth: health => seen.push(health), reopenMs: 20 })
  await database.call('add', { name: 'a', by: 1 })
  const together = await Promise.allSettled([
    database.call('add', { name: 'a', by: 10 }),
    database.call('endThread'),
    database.call('add', { name: 'a', by: 100 }),
  ])
  assert.ok(together.every(result => result.status === 'rejected' && hasCode('STORAGE_FAILED')(result.reason)))
  await assert.rejects(database.call('add', { name: 'a', by: 1 }), hasCode('STORAGE_FAILED', /ended with 7/))
  assert.equal(await database.query('read', { name: 'a' }), 1, 'reading goes on')
  await until(() => database.health().ok)
  assert.deepEqual(
    seen.map(health => health.ok),
    [false, true],
  )
  assert.equal(await database.call('add', { name: 'a', by: 1_000 }), 1_001)
  await assert.rejects(open(t, file), hasCode('DATA_IN_USE'), 'the successor holds the lock')
})

test('a reader thread that ends gets a successor, and writing goes on meanwhile (RL84)', async t => {
  const seen: StorageHealth[] = []
  const database = await open(t, await fileIn(t), { onHealth: health => seen.push(health), reopenMs: 20 })
  await database.call('add', { name: 'a', by: 1 })
  await assert.rejects(database.query('endThread'), hasCode('STORAGE_FAILED'))
  assert.equal(database.health().ok, false)
  assert.equal(await database.call('add', { name: 'a', by: 1 }), 2)
  await until(() => database.health().ok)
  assert.equal(await database.query('read', { name: 'a' }), 2)
  assert.equal(seen.length, 2)
})

test('a thread that ends again and again is started again each time, and closing does not hang (RL84)', async t => {
  const database = await open(t, await fileIn(t), { reopenMs: 5 })
  for (let round = 0; round < 4; round++) {
    await assert.rejects(database.call('endThread'))
    await until(() => database.health().ok)
  }
  await assert.rejects(database.call('endThread'))
  await database.close()
})

test('the log of a process that was killed is in the file, fsynced, before anything is acknowledged (RL84)', async t => {
  const file = await fileIn(t)
  const holder = spawnHolder(t, file)
  await once(holder.stdout!, 'data')
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  assert.ok((await stat(`${file}-wal`)).size > 0)
  const database = await open(t, file)
  assert.equal((await stat(`${file}-wal`)).size, 0)
  assert.equal(await database.query('read', { name: 'started' }), 1)
})
