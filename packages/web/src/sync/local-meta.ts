/** What this browser knows of a stored document besides its text: its epoch, and whether all of it reached the hub. */
import { createStore, del, get, set } from 'idb-keyval'
import type { StoredMeta } from './link-ports.ts'

const store = () => createStore('meshbook-meta', 'documents')

export async function readMeta(document: string): Promise<StoredMeta | undefined> {
  return await get<StoredMeta>(document, store())
}
export async function writeMeta(document: string, meta: StoredMeta): Promise<void> {
  await set(document, meta, store())
}
export async function clearMeta(document: string): Promise<void> {
  await del(document, store())
}
