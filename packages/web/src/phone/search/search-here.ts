/** The texts that are on this phone, searched in pieces, so that what is typed meanwhile is never held up (PH63). */
import { getMany } from 'idb-keyval'
import { keptStore } from '../kept.ts'
import type { KeptText } from '../notebook/kept-text.ts'
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
        const text = kept[n]?.text
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
