/**
 * Brings to the hub what was edited here, and here what is to be kept: one document after the other behind what is shown,
 * while the hub answers (PH14). What was kept by use alone goes when there is too much of it.
 */
import type { DocumentInfo } from '@meshbook/core/api.ts'
import { pathOfId } from '@meshbook/core/executions.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type Signal, signal } from '@preact/signals'
import * as Y from 'yjs'
import { browserPorts } from '../../sync/browser-ports.ts'
import { storedList } from '../../sync/browser-storage.ts'
import { hub, lists } from '../first-list.ts'
import { keptOf } from '../notebook/kept-of.ts'
import { keepText } from '../notebook/kept-text.ts'
import { fetchAssets, sizesOf } from './asset-cache.ts'
import { assetsIn } from './assets-in.ts'
import { atDocument } from './at-document.ts'
import { isMetered } from './held.ts'
import { held, note } from './held-here.ts'
import { choice, keptDocuments } from './kept-choice.ts'
import { dropUnused, makeRoom } from './make-room.ts'
import { shownLink } from './shown-documents.ts'

const clock = Date.now
/** Of documents that nobody has open. */
const sentAtOnce = 4
/** How many of those that are kept are still to be fetched; undefined while that is not being done. */
export const fetching: Signal<number | undefined> = signal(undefined)
/** Why nothing is fetched although something is to be kept. */
export const isWaitingForWifi: Signal<boolean> = signal(false)

let passing: Promise<void> | undefined
let again = false
/** Once through all that is to be brought; a call while it goes on is answered by another time through. */
export function keepUp(): Promise<void> {
  again = true
  passing ??= passes().finally(() => {
    passing = undefined
    fetching.value = undefined
  })
  return passing
}

async function passes(): Promise<void> {
  while (again) {
    again = false
    await pass()
  }
}

async function pass(): Promise<void> {
  // Before anything that waits for the hub; what cannot be dropped now is looked at again afterwards.
  await dropUnused().catch(() => false)
  await Promise.all([bringUnsent(), bringKept()])
  await dropUnused()
}

/** Edits of documents that nobody has open go to the hub by themselves; one that cannot be sent holds up few others. */
async function bringUnsent(): Promise<void> {
  const waiting = [...storedList.unsent.peek()].filter(([, unsent]) => unsent > 0).map(([document]) => document)
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await bringEdits(next)
  }
  await Promise.all(Array.from({ length: sentAtOnce }, lane))
}

async function bringEdits(document: string): Promise<void> {
  const address = addressOf(document)
  if (!address || shownLink(document) || hub.peek() !== 'open') return
  await atDocument({ document, address }, browserPorts, limits.documentInStepMs, () => undefined)
}

async function bringKept(): Promise<void> {
  const due = dueDocuments()
  const { connection } = navigator as { connection?: { saveData?: boolean; type?: string } }
  isWaitingForWifi.value = due.length > 0 && !choice.peek().metered && isMetered(connection)
  if (isWaitingForWifi.peek()) return
  for (const [at, document] of due.entries()) {
    fetching.value = due.length - at
    if (hub.peek() !== 'open') return
    await bring(document)
  }
}

/** Those that are kept and not here as the hub has them, what was worked on last first. */
export function dueDocuments(): DocumentInfo[] {
  const wanted = keptDocuments.peek()
  return (lists.peek()?.documents ?? [])
    .filter(({ id, updatedAt }) => wanted.has(id) && held.peek()[id]?.updatedAt !== updatedAt)
    .sort((a, b) => b.updatedAt - a.updatedAt)
}

async function bring({ id, updatedAt }: DocumentInfo): Promise<void> {
  const address = addressOf(id)
  if (!address) return
  const abort = new AbortController()
  const cancel = browserPorts.after(limits.documentInStepMs * 3, () => abort.abort())
  const found = await atDocument({ document: id, address }, browserPorts, limits.documentInStepMs, link => ({
    bytes: Y.encodeStateAsUpdate(link.doc).length,
    names: assetsIn(link.doc),
    text: keptOf(link.doc),
  }))
  if (found !== undefined && found !== 'gone') {
    await keepText(id, found.text)
    const isWhole = await fetchAssets(found.names, abort.signal, makeRoom)
    const assets = await sizesOf(found.names)
    const usedAt = held.peek()[id]?.usedAt ?? clock()
    // Without all of it, it stays due.
    await note(id, { usedAt, bytes: found.bytes, assets, ...(isWhole && { updatedAt }) })
  }
  cancel()
}

function addressOf(document: string): string | undefined {
  const known = lists.peek()
  const project = known?.documents.find(({ id }) => id === document)?.project
  const of = known?.projects.find(({ id }) => id === project)
  return of && `${of.owner}/${of.name}/${pathOfId(document as DocumentInfo['id'])}`
}
