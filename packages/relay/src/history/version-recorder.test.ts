import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Author, Version } from '@meshbook/core/api.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import * as Y from 'yjs'
import { openLocalPeer } from '../local-peer.ts'
import { Relay } from '../relay.ts'
import { SqliteDatabase } from '../sql/sqlite-database.ts'
import type { DocumentProcedures } from '../store/document-procedures.ts'
import type { DocumentKey } from '../store/document-store.ts'
import type { HistoryProcedures } from '../store/history-procedures.ts'
import { documentModule, SqliteDocumentStore } from '../store/sqlite-document-store.ts'
import { newKey, temporaryFolder, until } from '../testing/temporary.ts'
import type { ChangeSource } from './change-groups.ts'
import { historyModule, VersionRecorder } from './version-recorder.ts'
import { readText } from './version-text.ts'

/** Time that passes only when a test says so; timers run in order. */
class FakeTime {
  at = 1_000_000
  readonly timers = new Set<{ at: number; task: () => void }>()
  now = (): number => this.at
  after = (ms: number, task: () => void) => {
    const timer = { at: this.at + ms, task }
    this.timers.add(timer)
    return () => void this.timers.delete(timer)
  }
  pass(ms: number): void {
    const end = this.at + ms
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.timers.delete(next)
      this.at = next.at
      next.task()
    }
    this.at = end
  }
}

const ada = (device: string): Author => ({ kind: 'device', id: `device:${device}`, name: device, user: 'ada' })
const bob: Author = { kind: 'browser', id: 'session:bob', name: 'Firefox on Mac', user: 'bob' }

async function start(t: TestContext, folder?: string, own: Partial<Limits> = {}) {
  const file = join(folder ?? (await temporaryFolder(t)), 'test.db')
  const database = await SqliteDatabase.open<DocumentProcedures & HistoryProcedures>({
    file,
    modules: [documentModule, historyModule],
  })
  const store = new SqliteDocumentStore(database)
  const time = new FakeTime()
  const reads = { count: 0 }
  const counting = Object.assign(Object.create(store) as SqliteDocumentStore, {
    open: (key: DocumentKey) => {
      reads.count++
      return store.open(key)
    },
  })
  const all = { ...limits, ...own }
  const recorder = new VersionRecorder({
    store: counting,
    versions: database,
    now: time.now,
    after: time.after,
    limits: all,
    follows: () => true,
    sourceOf: ({ tag }) => (tag ?? { author: undefined }) as ChangeSource,
  })
  const relay = new Relay({ store, now: Date.now, random: systemRandom, limits: all, onChange: recorder.changed })
  const stop = async () => {
    await relay.close()
    await recorder.close()
    await database.close()
  }
  t.after(stop)
  const key = newKey()
  const writer = (author: Author | undefined, at: DocumentKey = key) => {
    const peer = openLocalPeer(relay, at, { name: 'test', tag: { author } })
    const edit = async (change: (text: Y.Text) => void) => {
      await peer.ready
      change(peer.doc.getText('content'))
      await peer.durable()
    }
    return { edit, peer, type: (text: string) => edit(shared => shared.insert(shared.length, text)) }
  }
  const versions = (): Promise<Version[]> =>
    database.query('listVersions', { ...key, before: null, rows: 1000 }).then(rows => rows.toReversed())
  const texts = async () =>
    Promise.all(
      (await database.query('listVersions', { ...key, before: null, rows: 1000 }))
        .toReversed()
        .map(async ({ hash }) => readText(await database.query('historyText', { ...key, hash }))),
    )
  return { database, store, recorder, relay, time, reads, key, writer, versions, texts, stop }
}
const namesOf = (versions: Version[]) => versions.map(({ authors }) => authors.map(({ name }) => name).join('+'))

test('a version is recorded once it has been quiet, and nothing is read before that (HI1, HI2)', async t => {
  const { time, writer, versions, reads, recorder } = await start(t)
  const { type } = writer(ada('desk'))
  await type('one ')
  time.pass(10_000)
  await type('two ')
  time.pass(limits.historyQuietMs - 6_000)
  assert.deepEqual([reads.count, (await versions()).length], [0, 0])
  time.pass(12_000)
  await until(async () => (await versions()).length === 1)
  time.pass(60_000)
  assert.equal(recorder.waiting, 0, 'nothing is kept of a document that rests (HI3)')
  assert.equal(time.timers.size, 0, 'and no timer runs (HI3)')
})

test('under continuous changes a version is recorded every few minutes (HI1)', async t => {
  const { time, writer, versions } = await start(t)
  const { type } = writer(ada('desk'))
  const minutes = 16
  for (let i = 0; i < minutes * 6; i++) {
    await type('x')
    time.pass(10_000)
    await new Promise(resolve => setTimeout(resolve, 3))
  }
  const count = Math.floor((minutes * 60_000) / limits.historyMaxWaitMs)
  await until(async () => (await versions()).length >= count)
  assert.ok((await versions()).length <= count + 1)
})

test('what another user writes is a version of its own, exactly (HI5)', async t => {
  const { time, writer, versions, texts, recorder, key } = await start(t)
  const [first, second] = [writer(ada('desk')), writer(bob)]
  await first.type('ada ')
  await second.type('bob ')
  await first.type('ada ')
  await recorder.flush(key)
  assert.deepEqual(namesOf(await versions()), ['desk', 'Firefox on Mac', 'desk'])
  assert.deepEqual(await texts(), ['ada ', 'ada bob ', 'ada bob ada '])
  time.pass(1)
})

test('two devices of one user share a version while they write together, and not one after the other (HI5)', async t => {
  const { time, writer, versions, texts, recorder, key } = await start(t)
  const [desk, phone] = [writer(ada('desk')), writer(ada('phone'))]
  await desk.type('a')
  await phone.type('b')
  time.pass(limits.historyAuthorMs)
  await desk.type('c')
  await recorder.flush(key)
  time.pass(1_000)
  await phone.type('d')
  time.pass(limits.historyAuthorMs)
  await desk.type('e')
  await recorder.flush(key)
  assert.deepEqual(namesOf(await versions()), ['desk+phone', 'phone', 'desk'])
  assert.deepEqual(await texts(), ['abc', 'abcd', 'abcde'])
})

test('a connection that brings nothing new is no author (HI4)', async t => {
  const { writer, versions, recorder, key } = await start(t)
  const desk = writer(ada('desk'))
  await desk.type('text')
  await desk.edit(text => text.delete(0, 1))
  const again = writer(ada('phone'))
  await again.peer.ready
  Y.applyUpdate(again.peer.doc, Y.encodeStateAsUpdate(desk.peer.doc))
  await recorder.flush(key)
  assert.deepEqual(namesOf(await versions()), ['desk'])
})

test('changes without a change of the text make no version, and are not taken for unnoticed ones later', async t => {
  const { writer, versions, recorder, key } = await start(t)
  const desk = writer(ada('desk'))
  await desk.type('text')
  await recorder.flush(key)
  for (let i = 0; i < 3; i++) {
    await desk.edit(text => text.doc!.getMap('executions').set('run', i))
    await recorder.flush(key)
  }
  assert.equal((await versions()).length, 1)
  await desk.type('more')
  await recorder.flush(key)
  assert.deepEqual(
    (await versions()).map(one => one.unattributed),
    [false, false],
  )
})

test('what a killed process did not record is a version of its own that names nobody (HI6)', async t => {
  const folder = await temporaryFolder(t)
  const first = await start(t, folder)
  const desk = first.writer(ada('desk'))
  await desk.type('one ')
  await first.recorder.flush(first.key)
  await desk.type('lost names ')
  await first.relay.close()
  // As a kill leaves it: what waits is never recorded by that process.
  await first.database.close()
  const second = await start(t, folder)
  const phone = second.writer({ ...ada('phone') }, first.key)
  await phone.type('two')
  await second.recorder.flush(first.key)
  const rows = await second.database.query('listVersions', { ...first.key, before: null, rows: 10 })
  assert.deepEqual(
    rows.map(({ authors, unattributed, added }) => [authors[0]?.name, unattributed, added]),
    [
      ['phone', false, 1],
      [undefined, true, 1],
      ['desk', false, 1],
    ],
  )
})

test('after an epoch change the numbers go on, and what was before stays readable (HI7)', async t => {
  const { writer, versions, texts, recorder, relay, key } = await start(t)
  await writer(ada('desk')).type('old text')
  await recorder.catchUp(key)
  await relay.remove(key)
  await writer(ada('desk')).type('new')
  await recorder.catchUp(key)
  await recorder.catchUp(key)
  assert.deepEqual(
    (await versions()).map(({ version }) => version),
    [1, 2],
  )
  assert.deepEqual(await texts(), ['old text', 'new'])
})

test('a disk that refuses loses no version: it is recorded when the disk is back', async t => {
  const { database, time, writer, versions, recorder, key } = await start(t)
  const desk = writer(ada('desk'))
  await desk.type('one')
  const call = database.call
  database.call = () => Promise.reject(new Error('no'))
  await assert.rejects(recorder.flush(key))
  database.call = call
  time.pass(limits.historyQuietMs)
  await until(async () => (await versions()).length === 1)
  assert.deepEqual(namesOf(await versions()), ['desk'])
})

test('dropping versions removes exactly the texts that nothing needs (HI12)', async t => {
  const { database, writer, recorder, key, texts } = await start(t)
  const desk = writer(ada('desk'))
  await desk.type('some line of the note\n'.repeat(50))
  for (let i = 0; i < 150; i++) {
    await desk.type(`${i}\n`)
    await recorder.flush(key)
  }
  const before = await texts()
  const all = (await database.query('historyOutline', key)).map(({ version }) => version)
  const drop = all.filter(version => version % 10 !== 0)
  await database.call('dropVersions', { ...key, drop })
  assert.deepEqual(
    await texts(),
    before.filter((_, i) => !drop.includes(i + 1)),
  )
  await database.call('dropVersions', { ...key, drop: all })
  assert.deepEqual(await texts(), before.slice(-1))
})

test('documents that wait are bounded; those beyond come as unnoticed with their next change (HI3)', async t => {
  const { recorder, writer, key, versions } = await start(t, undefined, { waitingDocumentsPerHub: 1 })
  await writer(ada('desk'), newKey()).type('other')
  const desk = writer(ada('desk'))
  await desk.type('text')
  assert.equal(recorder.waiting, 1)
  assert.equal((await versions()).length, 0)
  await recorder.flush(key)
})
