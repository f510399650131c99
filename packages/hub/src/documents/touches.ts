/** Notes when documents were written to, a few seconds' worth in one transaction: a time in a list is worth no more. */
import { syncFrame, syncStep } from '@meshbook/core/frames.ts'
import type { Now } from '@meshbook/core/ids.ts'
import type { DocumentKey } from '@meshbook/relay/relay.ts'
import type { HubStore } from '../store/hub-store.ts'

const flushMs = 2_000
/** A step 2 without content: two numbers before, a length, and the empty update. */
const emptyStep2Bytes = 5

/** Whether a frame of a client brings edits, as far as its first bytes tell. */
export function writes(frame: Uint8Array): boolean {
  if (frame[0] !== syncFrame.sync) return false
  return frame[1] === syncStep.update || (frame[1] === syncStep.step2 && frame.byteLength > emptyStep2Bytes)
}

export class Touches {
  readonly #store: HubStore
  readonly #now: Now
  readonly #at = new Map<string, { org: DocumentKey['org']; id: DocumentKey['document']; at: number }>()
  #timer: NodeJS.Timeout | undefined

  constructor(store: HubStore, now: Now) {
    this.#store = store
    this.#now = now
  }

  note({ org, document: id }: DocumentKey): void {
    const noted = this.#at.get(id)
    if (noted) noted.at = this.#now()
    else this.#at.set(id, { org, id, at: this.#now() })
    this.#timer ??= setTimeout(() => {
      // A failing disk is told elsewhere; these times come again with the next edit.
      this.flush().catch(() => undefined)
    }, flushMs).unref()
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const documents = [...this.#at.values()]
    this.#at.clear()
    if (documents.length > 0) await this.#store.call('touchDocuments', { documents })
  }
}
