/** The texts that are on this phone, searched in pieces, so that what is typed meanwhile is never held up (PH63). */
import { getMany } from 'idb-keyval'
import { browserDatabase } from '../../sync/browser-storage.ts'
import { textOfRows } from '../../sync/stored-rows.ts'
import { keptStore } from '../kept.ts'
import { type KeptText, keepText } from '../notebook/kept-text.ts'
import { here } from '../offline/here.ts'
import type { TextMatch } from './search-text.ts'

const readAtOnce = 20
const pieceMs = 8

const pause = (): Promise<void> => new Promise(resolve => setTimeout(resolve))

export class TextsHere {
  readonly #texts = new Map<string, string>()

  /** Calls back whenever some more are there. */
  async read(documents: readonly string[], signal: AbortSignal, onMore: () => void): Promise<void> {
    for (let at = 0; at < documents.length && !signal.aborted; at += readAtOnce) {
      const some = documents.slice(at, at + readAtOnce)
      const kept = await getMany<KeptText | undefined>(
        some.map(document => `text:${document}`),
        keptStore,
      ).catch(() => [])
      for (const [n, document] of some.entries()) {
        const text = kept[n]?.text ?? (here.peek().has(document) ? await storedText(document) : undefined)
        if (typeof text === 'string') this.#texts.set(document, text)
      }
      onMore()
      await pause()
    }
  }

  /** Undefined if something else is searched for meanwhile. */
  async search(
    find: (text: string) => TextMatch | undefined,
    signal: AbortSignal,
  ): Promise<Map<string, TextMatch> | undefined> {
    const found = new Map<string, TextMatch>()
    let begun = performance.now()
    for (const [document, text] of this.#texts) {
      const match = find(text)
      if (match) found.set(document, match)
      if (performance.now() - begun < pieceMs) continue
      await pause()
      if (signal.aborted) return undefined
      begun = performance.now()
    }
    return signal.aborted ? undefined : found
  }
}

/** Of a document that was kept here without being shown; its text is kept from now on. */
async function storedText(document: string): Promise<string | undefined> {
  try {
    const stored = await browserDatabase.read(document)
    if (!stored) return undefined
    const text = textOfRows(stored.rows)
    await keepText(document, { text, entries: {} })
    return text
  } catch {
    // What cannot be read here is found by its name.
    return undefined
  }
}
