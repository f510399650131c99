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
import { browserDatabase, measureRoom, storageRoom, storedList } from '../../sync/browser-storage.ts'
import type { DocumentLink } from '../../sync/document-link.ts'
import { hub, lists } from '../first-list.ts'
import { keep, readKept } from '../kept.ts'
import { keptOf } from '../notebook/kept-of.ts'
import { forgetText, keepText } from '../notebook/kept-text.ts'
import { dropAssets, fetchAssets, sizesOf } from './asset-cache.ts'
import { assetsIn } from './assets-in.ts'
import { atDocument } from './at-document.ts'
import { assetsOnlyOf, type Held, type HeldDocument, isMetered, toDrop, without } from './held.ts'
import { choice, keptDocuments } from './kept-choice.ts'
import { shownLink } from './shown-documents.ts'

const clock = Date.now
const name = 'held'
export const held: Signal<Held> = signal({})
/** How many of those that are kept are still to be fetched; undefined while that is not being done. */
export const fetching: Signal<number | undefined> = signal(undefined)
/** Why nothing is fetched although something is to be kept. */
export const isWaitingForWifi: Signal<boolean> = signal(false)

export async function readHeld(): Promise<void> {
  held.value = (await readKept<Held>(name)) ?? {}
}

async function note(document: string, what: HeldDocument): Promise<void> {
  // Another tab may have noted others meanwhile.
  const known = (await readKept<Held>(name)) ?? {}
  held.value = { ...known, [document]: what }
  await keep(name, held.value)
}

/** Somebody reads it: it is the last to go. */
export async function noteUse(document: string, link: DocumentLink): Promise<void> {
  const bytes = Y.encodeStateAsUpdate(link.doc).length
  const assets = await sizesOf(assetsIn(link.doc))
  await note(document, { ...held.peek()[document], usedAt: clock(), bytes, assets })
}

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
  await bringUnsent()
  await bringKept()
  await measureHeld()
  await measureRoom()
  await dropUnused()
  await measureRoom()
}

/** Edits of documents that nobody has open go to the hub by themselves. */
async function bringUnsent(): Promise<void> {
  for (const [document, unsent] of storedList.unsent.peek()) {
    const address = addressOf(document)
    if (unsent === 0 || !address || shownLink(document) || hub.peek() !== 'open') continue
    await atDocument({ document, address }, browserPorts, limits.documentInStepMs, () => undefined)
  }
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
    const isWhole = await fetchAssets(found.names, abort.signal)
    const assets = await sizesOf(found.names)
    const usedAt = held.peek()[id]?.usedAt ?? clock()
    // Without all of it, it stays due.
    await note(id, { usedAt, bytes: found.bytes, assets, ...(isWhole && { updatedAt }) })
  }
  cancel()
}

/** Images come after the document that names them. */
async function measureHeld(): Promise<void> {
  for (const [document, known] of Object.entries(held.peek())) {
    const assets = await sizesOf(Object.keys(known.assets))
    const isAsKnown = Object.entries(assets).every(([asset, bytes]) => known.assets[asset] === bytes)
    if (!isAsKnown) await note(document, { ...known, assets })
  }
}

function addressOf(document: string): string | undefined {
  const known = lists.peek()
  const project = known?.documents.find(({ id }) => id === document)?.project
  const of = known?.projects.find(({ id }) => id === project)
  return of && `${of.owner}/${of.name}/${pathOfId(document as DocumentInfo['id'])}`
}

/** Never what has unsent edits, is open in any tab, or was asked to be kept. */
async function dropUnused(): Promise<void> {
  const locks: LockManager | undefined = navigator.locks
  if (!locks) return
  const unsent = [...storedList.unsent.peek()].filter(([, count]) => count > 0).map(([document]) => document)
  const shown = Object.keys(held.peek()).filter(document => shownLink(document))
  const bytes = Math.min(limits.phoneUsedBytes, (storageRoom.peek()?.quotaBytes ?? Number.POSITIVE_INFINITY) / 2)
  const bounds = { kept: keptDocuments.peek(), safe: new Set([...unsent, ...shown]), bytes }
  for (const document of toDrop(held.peek(), bounds)) await dropOne(locks, document)
}

/** Every tab that has it open stands for its lock. */
async function dropOne(locks: LockManager, document: string): Promise<void> {
  await locks.request(`meshbook:${document}`, { ifAvailable: true }, async lock => {
    if (!lock || !(await browserDatabase.forget(document))) return
    await forgetText(document)
    await dropAssets(assetsOnlyOf(held.peek(), [document]))
    held.value = without((await readKept<Held>(name)) ?? {}, [document])
    await keep(name, held.value)
  })
}

/** What is not to be kept any more and takes room, on the user's word: everything but what is kept or unsent. */
export async function dropAllUnused(): Promise<void> {
  const locks: LockManager | undefined = navigator.locks
  const unsent = storedList.unsent.peek()
  const all = Object.keys(held.peek()).filter(
    document => !keptDocuments.peek().has(document) && !unsent.get(document) && !shownLink(document),
  )
  if (locks) for (const document of all) await dropOne(locks, document)
  await measureRoom()
}
