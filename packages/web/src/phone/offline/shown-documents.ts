/** The documents that are open in this tab, for what works on documents behind what is shown. */
import type { DocumentLink } from '../../sync/document-link.ts'

type Listener = (document: string, link: DocumentLink) => void

const shown = new Map<string, DocumentLink>()
let listener: Listener = () => undefined

/** Told of each that is opened from now on and of those that are open, and again when they are closed. */
export function onShown(next: Listener): void {
  listener = next
  for (const [document, link] of shown) next(document, link)
}

/** Returns what takes it away again. */
export function show(document: string, link: DocumentLink): () => void {
  shown.set(document, link)
  listener(document, link)
  return () => {
    if (shown.get(document) === link) shown.delete(document)
    listener(document, link)
  }
}

export const shownLink = (document: string): DocumentLink | undefined => shown.get(document)

/** Resolves when all edits of what is open here are on this device, or cannot be. */
export const allStored = async (): Promise<void> => {
  await Promise.all([...shown.values()].map(link => link.stored()))
}
