import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Fence, RunId, Seq } from '@meshbook/core/ids.ts'
import { Journal } from './journal.ts'
import type { JournalRecord, Order } from './run-entry.ts'

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-journal-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function open(t: TestContext, folder: string): Promise<Journal> {
  const journal = await Journal.open(folder)
  t.after(() => journal.close())
  return journal
}

const orderOf = (run: string, number = 1): Order => ({
  t: 'order',
  number,
  run: run as RunId,
  fence: 1 as Fence,
  code: '1',
  cellName: 'c',
})
const text = (seq: number, length = 1): JournalRecord => ({
  t: 'event',
  seq: seq as Seq,
  n: seq,
  event: { type: 'stdout', at: 0, text: 'x'.repeat(length) },
})
const ended = (seq: number): JournalRecord => ({
  t: 'event',
  seq: seq as Seq,
  n: seq,
  event: { type: 'completed', at: 0, durationMs: 0 },
})

test('what is appended is there after a restart, in the order of the queue (I1)', async t => {
  const folder = await folderOf(t)
  const first = await open(t, folder)
  const b = await first.create(orderOf('b', 1), { t: 'intent', kernel: 'k' })
  await first.create(orderOf('a', 2))
  await Promise.all([
    first.append(b, text(1)),
    first.append(b, text(2)),
    first.append(b, { t: 'fence', fence: 3 as Fence }),
  ])
  const again = await open(t, folder)
  assert.deepEqual([...again.runs.keys()], ['b', 'a'])
  const entry = again.runs.get('b' as RunId)!
  assert.deepEqual([entry.lastSeq, entry.lastN, entry.kernel, entry.fence, entry.ended], [2, 2, 'k', 3, false])
})

test('a file that is cut or damaged anywhere keeps the whole records before, and goes on from there (I5)', async t => {
  const folder = await folderOf(t)
  const journal = await open(t, folder)
  const entry = await journal.create(orderOf('r'))
  const sizes = [entry.size]
  for (let seq = 1; seq <= 4; seq++) {
    await journal.append(entry, text(seq, seq * 3))
    sizes.push(entry.size)
  }
  const whole = await readFile(entry.path)
  for (let cut = 0; cut <= whole.length; cut++) {
    await writeFile(entry.path, whole.subarray(0, cut))
    await check(t, folder, sizes.filter(size => size <= cut).length - 1)
  }
  for (let at = sizes[2]!; at < sizes[3]!; at++) {
    const damaged = Buffer.from(whole)
    damaged[at]! ^= 0x40
    await writeFile(entry.path, damaged)
    await check(t, folder, 2)
  }
  await writeFile(entry.path, Buffer.concat([whole.subarray(0, sizes[1]), Buffer.alloc(100)]))
  await check(t, folder, 1)
})

async function check(t: TestContext, folder: string, events: number): Promise<void> {
  const journal = await Journal.open(folder)
  const entry = journal.runs.get('r' as RunId)
  assert.equal(entry?.lastSeq, events < 0 ? undefined : events)
  if (entry) {
    await journal.append(entry, ended(events + 1))
    assert.deepEqual(
      (await entry.read(0, 1 << 20)).map(({ seq }) => Number(seq)),
      Array.from({ length: events + 1 }, (_, n) => n + 1),
    )
  }
  await journal.close()
  assert.equal(t.signal.aborted, false)
}

test('events of any position are read, from memory and from the file', async t => {
  const journal = await open(t, await folderOf(t))
  const entry = await journal.create(orderOf('r'))
  for (let seq = 1; seq <= 200; seq++) await journal.append(entry, text(seq, 5000))
  for (const after of [0, 1, 13, 100, 199, 200]) {
    const events = []
    for (let at = after; ; ) {
      const some = entry.newest(at) ?? (await entry.read(at, 50_000))
      if (some.length === 0) break
      events.push(...some)
      at = some.at(-1)!.seq
    }
    assert.deepEqual(
      events.map(({ seq }) => Number(seq)),
      Array.from({ length: 200 - after }, (_, n) => after + n + 1),
    )
  }
  assert.equal(entry.newest(10), undefined)
})

test('a forgotten run leaves no file and never runs again (I5)', async t => {
  const folder = await folderOf(t)
  const journal = await open(t, folder)
  await journal.create(orderOf('r'), ended(1))
  await journal.forget('r' as RunId)
  assert.deepEqual(await readdir(folder), ['forgotten'])
  assert.ok((await open(t, folder)).wasForgotten('r' as RunId))
})

test('an order that the disk refuses is refused, and leaves nothing behind', async t => {
  const folder = await folderOf(t)
  const journal = await open(t, folder)
  await rm(folder, { recursive: true })
  await assert.rejects(
    journal.create(orderOf('r')),
    (error: unknown) => error instanceof MeshError && error.code === 'STORAGE_FAILED',
  )
  assert.equal(journal.runs.size, 0)
})
