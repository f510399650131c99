/** The one moment that a kill seldom hits: the edit of a restore or undo is on disk and its version is not. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Author } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { historyModule, VersionRecorder } from '@meshbook/relay/history/version-recorder.ts'
import { type DocumentKey, Relay } from '@meshbook/relay/relay.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import type { HistoryProcedures } from '@meshbook/relay/store/history-procedures.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import type * as Y from 'yjs'
import { Documents } from '../documents/documents.ts'
import { openOwnPeer } from '../documents/own-peer.ts'
import { HubEvents } from '../hub-events.ts'
import { newLog } from '../log.ts'
import { hubModule } from '../store/hub-store.ts'
import type { HubProcedures } from '../store/procedures.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { sourceOf } from './authors.ts'
import { History, type Recalled } from './history.ts'

type All = DocumentProcedures & HistoryProcedures & HubProcedures
const ada: Author = { kind: 'device', id: 'device:desk', name: 'Desk', user: 'ada' }
const key: DocumentKey = {
  org: newId('org', 1, systemRandom),
  document: newId('document', 1, systemRandom),
}
const recalled: Recalled = { key, project: newId('project', 1, systemRandom), path: 'a.md' }

/** One life of a hub's history on a file. `recording.fails`: versions do not reach the disk, as when it is killed before. */
async function live(t: TestContext, folder: string) {
  const store = await SqliteDatabase.open<All>({
    file: join(folder, 'hub.db'),
    modules: [documentModule, historyModule, hubModule],
  })
  const recording = { fails: false }
  const call: typeof store.call = (name, ...args) =>
    recording.fails && name === 'addVersions'
      ? Promise.reject(new MeshError('STORAGE_FAILED', { detail: 'killed here' }))
      : store.call(name, ...args)
  const versions = { call, query: store.query, health: () => store.health(), close: () => store.close() }
  const documentStore = new SqliteDocumentStore(store)
  const recorder = new VersionRecorder({
    store: documentStore,
    versions,
    now: Date.now,
    after: systemAfter,
    limits,
    follows: () => true,
    sourceOf,
  })
  const ports = { now: Date.now, random: systemRandom, log: newLog('silent') }
  const relay = new Relay({ ...ports, store: documentStore, onChange: recorder.changed })
  const documents = await Documents.start({ ...ports, store, relay, events: new HubEvents() })
  const end = async (): Promise<void> => {
    await documents.close()
    await relay.close()
    await store.close()
  }
  t.after(end)
  const edit = async (change: (text: Y.Text) => void): Promise<string> => {
    const peer = openOwnPeer(relay, key, 'test', undefined, { author: ada })
    await peer.ready()
    const text = peer.doc.getText('content')
    change(text)
    await peer.durable()
    peer.close()
    return text.toString()
  }
  return { history: new History({ recorder, versions, documents, relay, now: Date.now }), recording, edit, end }
}

const noChange = () => undefined

for (const [what, change] of [
  ['brings lines back', (text: Y.Text) => text.delete(0, 4)],
  ['only deletes', (text: Y.Text) => text.insert(0, 'more\n')],
] as const)
  for (const kind of ['restore', 'undo'] as const)
    test(`a ${kind} that ${what} is done once, though the hub was killed before its version was recorded (HI23)`, async t => {
      const folder = await temporaryFolder(t)
      const request = 'the-one-request'
      const ask = (history: History) =>
        kind === 'restore'
          ? history.restore(recalled, ada, { version: 1, request })
          : history.turnBack(key, ada, 'undo', { request })
      const first = await live(t, folder)
      await first.edit(text => text.insert(0, 'one\ntwo\n'))
      await first.history.record(key, ada, undefined)
      await first.edit(change)
      await first.history.record(key, ada, undefined)
      first.recording.fails = true
      await assert.rejects(ask(first.history))
      assert.equal(await first.edit(noChange), 'one\ntwo\n', 'the edit is there, its version is not')
      await first.end()

      const second = await live(t, folder)
      await second.edit(text => text.insert(text.length, 'typed since\n'))
      const made = await ask(second.history)
      assert.deepEqual([made.kind, made.of], [kind, kind === 'restore' ? 1 : 2])
      assert.equal(await second.edit(noChange), 'one\ntwo\ntyped since\n')
      assert.equal((await ask(second.history)).version, made.version)
      assert.equal(await second.edit(noChange), 'one\ntwo\ntyped since\n')
    })
