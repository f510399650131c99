/**
 * The text of notebooks as they were shown last, with what is known of the runs whose output they show: a notebook is
 * drawn from it before its document is opened (PH4). A copy for reading; what is edited is the document.
 */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { del } from 'idb-keyval'
import { keep, keptStore, readKept } from '../kept.ts'
import { isMetered } from '../offline/held.ts'

export interface KeptText {
  text: string
  entries: Readonly<Record<string, ExecutionEntry>>
}

/** A longer one is opened as a document at once. */
const mostChars = 1_000_000
const nameOf = (document: string): string => `text:${document}`
/** Those that are likely to be opened next. */
const near = new Map<string, KeptText>()

/** It can be drawn at once. */
export const isNear = (document: string): boolean => near.has(document)

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

/**
 * So that a press on one of them is answered with the next frame. What is not here is asked of the hub, one after the
 * other, and forgotten with the page; not over a connection that is paid by the byte.
 */
export async function bringNear(documents: readonly string[], signal: AbortSignal): Promise<void> {
  const connection = (navigator as { connection?: Parameters<typeof isMetered>[0] }).connection
  for (const document of documents) {
    if (near.has(document)) continue
    const kept = await readKept<KeptText>(nameOf(document))
    const text = kept ?? (isMetered(connection) ? undefined : await textOfHub(document, signal))
    if (text) near.set(document, text)
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
