/**
 * The text of notebooks as they were shown last, with what is known of the runs whose output they show: a notebook is
 * drawn from it before its document is opened (PH4). A copy for reading; what is edited is the document.
 */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { del } from 'idb-keyval'
import { keep, keptStore, readKept } from '../kept.ts'

export interface KeptText {
  text: string
  entries: Readonly<Record<string, ExecutionEntry>>
}

/** A longer one is opened as a document at once. */
const mostChars = 1_000_000
const nameOf = (document: string): string => `text:${document}`
/** Those that are likely to be opened next. */
const near = new Map<string, KeptText>()

export async function keptText(document: string): Promise<KeptText | undefined> {
  return near.get(document) ?? (await readKept<KeptText>(nameOf(document)))
}

/** Of a notebook that was not here before, the text comes sooner than the document with its history. */
export async function textOfHub(document: string, signal: AbortSignal): Promise<KeptText | undefined> {
  const answer = await fetch(`/api/v1/documents/${document}/content`, { signal }).catch(() => undefined)
  if (!answer?.ok) return undefined
  const text = await answer.text()
  return text.length > mostChars ? undefined : { text, entries: {} }
}

/** So that a press on one of them is answered with the next frame. */
export async function bringNear(documents: readonly string[]): Promise<void> {
  for (const document of documents) {
    const kept = near.has(document) ? undefined : await readKept<KeptText>(nameOf(document))
    if (kept) near.set(document, kept)
  }
}

export async function keepText(document: string, kept: KeptText): Promise<void> {
  if (kept.text.length > mostChars) return forgetText(document)
  near.set(document, kept)
  await keep(nameOf(document), kept)
}

export async function forgetText(document: string): Promise<void> {
  near.delete(document)
  await del(nameOf(document), keptStore).catch(() => undefined)
}
