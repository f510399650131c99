/** What a stored document holds, without reading through what its snapshot's index says already. */
import { decodeFacts } from './facts-index.ts'
import type { StoredDocument } from './store/document-store.ts'
import type { UpdateFacts } from './update-facts.ts'
import type { UpdateWorker } from './update-worker.ts'

export async function storedFacts({ snapshot, tail }: StoredDocument, work: UpdateWorker): Promise<UpdateFacts[]> {
  const index = snapshot?.facts && decodeFacts(snapshot.facts)
  const pieces = snapshot && !index ? [snapshot.data, ...tail] : tail
  const facts = await work.run('facts', { pieces })
  return index ? [index, ...facts] : facts
}
