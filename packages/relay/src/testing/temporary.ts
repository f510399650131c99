/** What tests make and what is taken away after them: folders, databases, relays; and waiting without a fixed time. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { Relay, type RelayOptions } from '../relay.ts'
import { SqliteDatabase, type SqliteOptions } from '../sql/sqlite-database.ts'
import type { DocumentProcedures } from '../store/document-procedures.ts'
import type { DocumentKey } from '../store/document-store.ts'
import { documentModule, SqliteDocumentStore } from '../store/sqlite-document-store.ts'

type Teardown = Pick<TestContext, 'after'>

export async function temporaryFolder(t: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-relay-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export function newKey(): DocumentKey {
  return { org: newId('org', Date.now(), systemRandom), document: newId('document', Date.now(), systemRandom) }
}

export async function openDocuments(t: Teardown, file: string, options: Partial<SqliteOptions> = {}) {
  const database = await SqliteDatabase.open<DocumentProcedures>({ file, modules: [documentModule], ...options })
  t.after(() => database.close())
  return { database, store: new SqliteDocumentStore(database) }
}

export function startRelay(t: Teardown, options: Omit<RelayOptions, 'now' | 'random'>): Relay {
  const relay = new Relay({ now: Date.now, random: systemRandom, ...options })
  t.after(() => relay.close())
  return relay
}

/** Waits until the condition holds; fails with its text after 10 s. */
export async function until(condition: () => boolean | Promise<boolean>, what = condition.toString()): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within 10 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

export const turns = async (count = 5): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}
