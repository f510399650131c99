/** The relay's store under the power-cut model: at each crash point, what was promised until then must be there. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { counterModule } from '@meshbook/relay/testing/counter-procedures.ts'
import * as Y from 'yjs'
import { chanceOf } from '../../soak/random.ts'
import { eachCut } from './each-cut.ts'
import { ExpectedDocuments } from './expected-documents.ts'
import type { Promised } from './promises.ts'
import { type Recorded, record } from './recorded.ts'

export interface CutFigures {
  crashPoints: number
  /** Crash points with changes under way that were not fsynced. */
  withChangesAtRisk: number
  /** Promises that had been given before a crash point, over all of them. */
  promisesChecked: number
  /** Crash points at which something promised was gone, or the file could not be opened any more. */
  lossy: number
  firstLoss: string | undefined
}

/** Writes of the store's own process; `planted` is loaded by its writer's thread and spoils it. */
export function recordStore(seed: number, edits: number, planted?: string): Promise<Recorded> {
  const program = join(import.meta.dirname, 'store-workload.ts')
  const spoiled = planted ? [join(import.meta.dirname, planted)] : []
  return record({ args: (folder, promises) => [program, folder, promises, `${seed}`, `${edits}`, ...spoiled] })
}

export async function cutStore(recorded: Recorded, seed: number, points: number): Promise<CutFigures> {
  const expected = new ExpectedDocuments()
  const figures: CutFigures = {
    crashPoints: 0,
    withChangesAtRisk: 0,
    promisesChecked: 0,
    lossy: 0,
    firstLoss: undefined,
  }
  const promise = (text: string): void => {
    for (const line of text.split('\n')) if (line !== '') expected.take(JSON.parse(line) as Promised)
  }
  await eachCut(recorded, chanceOf(seed), points, promise, async cut => {
    figures.crashPoints++
    figures.promisesChecked += expected.promised
    if (cut.changesAtRisk > 0) figures.withChangesAtRisk++
    const loss = await lossIn(cut.files, expected)
    if (loss === undefined) return
    figures.lossy++
    figures.firstLoss ??= `seed ${seed}, cut after event ${cut.point} of ${recorded.events.length}: ${loss}`
  })
  return figures
}

async function lossIn(files: ReadonlyMap<string, Buffer>, expected: ExpectedDocuments): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-cut-'))
  try {
    for (const [path, content] of files) await writeFile(join(folder, basename(path)), content)
    return await missingIn(folder, expected)
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function missingIn(folder: string, expected: ExpectedDocuments): Promise<string | undefined> {
  const database = await SqliteDatabase.open<DocumentProcedures>({
    file: join(folder, 'documents.sqlite'),
    modules: [documentModule, counterModule],
  })
  try {
    const store = new SqliteDocumentStore(database)
    for (const [at, key] of expected.keys.entries()) {
      const missing = expected.missing(at, await marksOf(store, key))
      if (missing > 0) return `${missing} promised edits of document ${at} are gone`
    }
    await goesOn(store, expected.keys[0])
    return undefined
  } finally {
    await database.close()
  }
}

async function marksOf(store: SqliteDocumentStore, key: DocumentKey): Promise<number[]> {
  const { snapshot, tail } = await store.open(key)
  const doc = new Y.Doc()
  for (const update of snapshot ? [snapshot.data, ...tail] : tail) Y.applyUpdate(doc, update)
  assert.equal(doc.store.pendingStructs, null, 'the document has a gap')
  return doc.getArray<number>('marks').toArray()
}

/** What survived can be written to. */
async function goesOn(store: SqliteDocumentStore, key: DocumentKey | undefined): Promise<void> {
  if (!key) return
  const { epoch, position } = await store.open(key)
  assert.equal(await store.append(key, epoch, [new Uint8Array([0, 0])]), position + 1)
}
