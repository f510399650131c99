/** What this browser knows of a stored document besides its text: its epoch, and whether all of it reached the hub. */
import { createStore, del, get, set } from 'idb-keyval'

export interface LocalMeta {
  epoch: number
  /** Some edits were not known to be durable on the hub when this was written. */
  dirty: boolean
}

const store = () => createStore('meshbook-meta', 'documents')

export async function readMeta(document: string): Promise<LocalMeta | undefined> {
  return await get<LocalMeta>(document, store())
}
export async function writeMeta(document: string, meta: LocalMeta): Promise<void> {
  await set(document, meta, store())
}
export async function clearMeta(document: string): Promise<void> {
  await del(document, store())
}
