/**
 * What was kept by use alone goes when there is too much of it, or when the browser has no room for something (PH14).
 * Never what has unsent edits, is open in any tab, or was asked to be kept.
 */
import { limits } from '@meshbook/core/limits.ts'
import { effect } from '@preact/signals'
import { browserPorts } from '../../sync/browser-ports.ts'
import { browserDatabase, measureRoom, storageRoom, storedList, timesFull } from '../../sync/browser-storage.ts'
import { lists } from '../first-list.ts'
import { forgetText } from '../notebook/kept-text.ts'
import { dropAssets, fetchAssets } from './asset-cache.ts'
import { assetsOnlyOf, boundOf, heldBytes, toDrop, without } from './held.ts'
import { held, measureHeld, noteDropped, readHeld } from './held-here.ts'
import { keptDocuments } from './kept-choice.ts'
import { noRoomFor } from './no-room-for.ts'
import { shownLink } from './shown-documents.ts'

/** One of all tabs at a time: each looks at what the one before has left. */
const lockName = 'meshbook:room'
const freedLookMs = 100
const freedLooks = 30

/** Drops what is above the bound. */
export const dropUnused = (): Promise<boolean> => dropAbove(false)
/** The browser gives no more room: something goes, if anything may. False if nothing did. */
export const makeRoom = (): Promise<boolean> => dropAbove(true)

/** What is not to be kept any more and takes room, on the user's word: everything but what is kept or unsent. */
export async function dropAllUnused(): Promise<void> {
  await drop(() => 0)
}

const dropAbove = (isFull: boolean): Promise<boolean> =>
  drop(opened => {
    const { quotaBytes = Number.POSITIVE_INFINITY, usedBytes } = storageRoom.peek() ?? {}
    return boundOf({ opened, quotaBytes, ...(isFull && { fullAt: usedBytes }) }, limits.phoneUsedBytes)
  })

async function drop(boundFor: (opened: number) => number): Promise<boolean> {
  // Without them nobody knows what other tabs have open; without the lists, what is of a project that is kept.
  const locks: LockManager | undefined = navigator.locks
  if (!locks || !lists.peek()) return false
  return await locks.request(lockName, async () => {
    await readHeld()
    await measureHeld()
    await measureRoom()
    const kept = keptDocuments.peek()
    const opened = heldBytes(without(held.peek(), [...kept]))
    let isDropped = false
    const safe = notToTouch()
    const bytes = boundFor(opened)
    for (;;) {
      const [document] = toDrop(held.peek(), { kept, safe, bytes })
      if (document === undefined) break
      // Another tab has it open, or it has edits by now: the next one goes in its place.
      if (await dropOne(locks, document)) isDropped = true
      else safe.add(document)
    }
    if (isDropped) await whenFreed(opened - heldBytes(without(held.peek(), [...kept])))
    return isDropped
  })
}

/** The browser gives the room of what was deleted back a moment later: before that, the next would go for nothing. */
async function whenFreed(bytes: number): Promise<void> {
  const before = storageRoom.peek()?.usedBytes ?? 0
  for (let look = 0; look < freedLooks; look++) {
    await measureRoom()
    if ((storageRoom.peek()?.usedBytes ?? 0) <= before - bytes / 2) return
    await new Promise<void>(resolve => void browserPorts.after(freedLookMs, resolve))
  }
}

function notToTouch(): Set<string> {
  const unsent = [...storedList.unsent.peek()].filter(([, count]) => count > 0).map(([document]) => document)
  const shown = Object.keys(held.peek()).filter(document => shownLink(document))
  return new Set([...unsent, ...shown])
}

/** Every tab that has it open stands for its lock. */
async function dropOne(locks: LockManager, document: string): Promise<boolean> {
  return await locks.request(`meshbook:${document}`, { ifAvailable: true }, async lock => {
    if (!lock || !(await browserDatabase.forget(document))) return false
    await forgetText(document)
    await dropAssets(assetsOnlyOf(held.peek(), [document]))
    await noteDropped(document)
    return true
  })
}

/** Makes room for edits that could not be stored, which are tried again, and for images that the worker could not keep. */
export function followNoRoom(): void {
  let last = timesFull.peek()
  effect(() => {
    if (timesFull.value === last) return
    last = timesFull.value
    void makeRoom().catch(() => undefined)
  })
  effect(() => {
    // Without the lists nothing may go yet.
    if (noRoomFor.value.length > 0 && lists.value) void fetchWhatHadNone()
  })
}

let isFetching = false
/** One after the other: the room that is made for the first may do for the next. */
async function fetchWhatHadNone(): Promise<void> {
  if (isFetching) return
  isFetching = true
  for (let [next] = noRoomFor.peek(); next !== undefined; [next] = noRoomFor.peek()) {
    noRoomFor.value = noRoomFor.peek().filter(asset => asset !== next)
    await fetchAssets([next], AbortSignal.timeout(limits.requestMs), makeRoom).catch(() => false)
  }
  isFetching = false
}
