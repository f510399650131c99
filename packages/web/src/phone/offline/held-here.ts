/** What this phone is known to hold of documents: kept between starts, shared by all tabs (PH14). */
import { type Signal, signal } from '@preact/signals'
import * as Y from 'yjs'
import type { DocumentLink } from '../../sync/document-link.ts'
import { keep, readKept } from '../kept.ts'
import { sizesOf } from './asset-cache.ts'
import { assetsIn } from './assets-in.ts'
import { type Held, type HeldDocument, without } from './held.ts'

const clock = Date.now
const name = 'held'
export const held: Signal<Held> = signal({})

export async function readHeld(): Promise<void> {
  held.value = (await readKept<Held>(name)) ?? {}
}

export async function note(document: string, what: HeldDocument): Promise<void> {
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

export async function noteDropped(document: string): Promise<void> {
  held.value = without((await readKept<Held>(name)) ?? {}, [document])
  await keep(name, held.value)
}

/** Images come after the document that names them. */
export async function measureHeld(): Promise<void> {
  for (const [document, known] of Object.entries(held.peek())) {
    const assets = await sizesOf(Object.keys(known.assets))
    const isAsKnown = Object.entries(assets).every(([asset, bytes]) => known.assets[asset] === bytes)
    if (!isAsKnown) await note(document, { ...known, assets })
  }
}
