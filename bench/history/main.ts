/** What history costs: bytes for each version of a note that is edited as people do, reading one back, and the path of an update. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Author } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { historyModule, VersionRecorder } from '@meshbook/relay/history/version-recorder.ts'
import { readText } from '@meshbook/relay/history/version-text.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { type DocumentKey, type Peer, Relay } from '@meshbook/relay/relay.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import type { HistoryProcedures } from '@meshbook/relay/store/history-procedures.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'

const quick = process.argv.includes('--quick')
const json = process.argv.includes('--json')
const author: Author = { kind: 'device', id: 'device:desk', name: 'Desk', user: 'me' }

function report(metric: string, unit: string, ours: number): void {
  const row = {
    bench: 'history',
    metric,
    unit,
    ours,
    peer: null,
    peerName: null,
    ratio: null,
    runs: 1,
    min: ours,
    max: ours,
  }
  console.log(json ? JSON.stringify(row) : `${metric.padEnd(64)} ${ours} ${unit}`)
}
const rounded = (value: number): number => Math.round(value * 100) / 100

const words = 'the air of a cold room holds less water than warm air can so glass grows wet in winter'.split(' ')
let seed = 7
const random = (below: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
  return (seed >>> 8) % below
}
const sentence = (): string => `${Array.from({ length: 11 }, () => words[random(words.length)]).join(' ')}. `
const line = (): string => `${sentence()}${randomBytes(4).toString('hex')}\n`

async function bytesPerVersion(folder: string, noteBytes: number, versions: number): Promise<void> {
  const file = join(folder, `note-${noteBytes}.db`)
  const database = await SqliteDatabase.open<DocumentProcedures & HistoryProcedures>({
    file,
    modules: [documentModule, historyModule],
  })
  const store = new SqliteDocumentStore(database)
  const recorder = new VersionRecorder({
    store,
    versions: database,
    now: Date.now,
    after: systemAfter,
    limits,
    follows: () => true,
    sourceOf: () => ({ author }),
  })
  const relay = new Relay({ store, now: Date.now, random: systemRandom, onChange: recorder.changed })
  const key: DocumentKey = { org: newId('org', 1, systemRandom), document: newId('document', 1, systemRandom) }
  const peer = openLocalPeer(relay, key, { name: 'bench' })
  await peer.ready
  const text = peer.doc.getText('content')
  let note = ''
  while (note.length < noteBytes) note += line()
  text.insert(0, note)
  await peer.durable()
  await recorder.flush(key)
  const started = performance.now()
  for (let i = 0; i < versions; i++) {
    const at = text.toString().indexOf('\n', random(text.length)) + 1
    for (const word of sentence().split(/(?<= )/)) text.insert(at, word)
    await peer.durable()
    await recorder.flush(key)
  }
  report(
    `${noteBytes / 1000} KB note, time of a recording with its edit`,
    'ms',
    rounded((performance.now() - started) / versions),
  )
  const [newest] = await database.query('listVersions', { ...key, before: null, rows: 1 })
  const deep = await database.query('findVersion', {
    ...key,
    version: Math.min(newest!.version, limits.historyChainDepth),
  })
  const chain = await database.query('historyText', { ...key, hash: deep!.hash })
  const reading = performance.now()
  await readText(chain)
  report(
    `${noteBytes / 1000} KB note, reading a version on ${chain.length} pieces`,
    'ms',
    rounded(performance.now() - reading),
  )
  peer.close()
  await relay.close()
  await recorder.close()
  await database.close()
  const db = new DatabaseSync(file)
  const sum = (sql: string): number => Number(Object.values(db.prepare(sql).get() as object)[0])
  const texts = sum('SELECT SUM(LENGTH(data)) FROM history_texts')
  const count = sum('SELECT COUNT(*) FROM history_versions')
  const whole = sum('SELECT COUNT(*) FROM history_texts WHERE base_hash IS NULL')
  db.exec('DROP TABLE relay_updates; DROP TABLE relay_snapshots; VACUUM')
  const all = sum('SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()')
  db.close()
  report(
    `${noteBytes / 1000} KB note, ${count} versions (${whole} of them whole): text of a version`,
    'bytes',
    Math.round(texts / count),
  )
  report(
    `${noteBytes / 1000} KB note, ${count} versions: all of a version on the disk`,
    'bytes',
    Math.round(all / count),
  )
}

/** What the relay pays for each update, beside the same loop without it. */
function hotPath(): void {
  const recorder = new VersionRecorder({
    store: undefined as never,
    versions: undefined as never,
    now: Date.now,
    after: systemAfter,
    limits,
    follows: () => true,
    sourceOf: () => ({ author }),
  })
  const peer = { name: 'bench' } as Peer
  const keys = Array.from(
    { length: 50 },
    (): DocumentKey => ({
      org: newId('org', 1, systemRandom),
      document: newId('document', 1, systemRandom),
    }),
  )
  const updates = 5_000_000
  const run = (each: (key: DocumentKey, position: number) => void): number => {
    const started = performance.now()
    for (let i = 1; i <= updates; i++) each(keys[i % keys.length]!, i)
    return ((performance.now() - started) * 1e6) / updates
  }
  for (const key of keys) recorder.changed(key, peer, 1)
  let sum = 0
  const count = (_: DocumentKey, position: number): void => {
    sum += position
  }
  run(count)
  const bare = run(count)
  run((key, position) => recorder.changed(key, peer, position))
  const noted = run((key, position) => recorder.changed(key, peer, position))
  report('an update of 50 busy documents, what history adds to its path', 'ns', rounded(noted - bare))
  if (sum === 0) throw new Error('the loop was not run')
}

const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
try {
  hotPath()
  await bytesPerVersion(folder, 5_000, quick ? 100 : 1_000)
  await bytesPerVersion(folder, 100_000, quick ? 100 : 1_000)
} finally {
  await rm(folder, { recursive: true, force: true })
}
