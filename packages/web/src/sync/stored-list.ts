/**
 * Which documents this device keeps and how many edits of each are not on the hub, without opening them. A marker
 * outside the database tells when the browser threw the database away (W8).
 */
import type { After } from '@meshbook/relay/timers.ts'
import { type Signal, signal } from '@preact/signals'
import type { DocumentDatabase, StoredHead } from './link-ports.ts'
import { unsentOf } from './stored-head.ts'

/** A short text that survives when the database does not. */
export interface Marker {
  read(): string | null
  write(text: string): void
}

export interface Lost {
  documents: number
  /** Edits in them that the hub had not acknowledged. */
  unsent: number
}

const settleMs = 300

export class StoredList {
  /** By document id, the edits that are not on the hub; a document that is not in it is not on this device. */
  readonly unsent: Signal<ReadonlyMap<string, number>> = signal(new Map())
  readonly lost: Signal<Lost | undefined> = signal(undefined)
  readonly #database: DocumentDatabase
  readonly #marker: Marker
  readonly #after: After
  #waiting = false
  #marked: string | undefined

  constructor(database: DocumentDatabase, marker: Marker, after: After) {
    this.#database = database
    this.#marker = marker
    this.#after = after
  }

  /** Reads the list for the first time and compares it with what the marker says. */
  async start(): Promise<void> {
    const before = readMarker(this.#marker.read())
    const heads = await this.#heads()
    if (!heads) return
    const gone = Object.entries(before).filter(([document]) => !heads.has(document))
    if (gone.length > 0)
      this.lost.value = { documents: gone.length, unsent: gone.reduce((sum, [, unsent]) => sum + unsent, 0) }
    this.#show(heads)
  }

  /** Something was stored, here or in another tab. */
  changed(): void {
    if (this.#waiting) return
    this.#waiting = true
    this.#after(settleMs, () => {
      this.#waiting = false
      void this.#heads().then(heads => heads && this.#show(heads))
    })
  }

  /** Undefined when the database does not answer; the notebook's indicator says so. */
  async #heads(): Promise<Map<string, StoredHead> | undefined> {
    return await this.#database.heads().catch(() => undefined)
  }

  #show(heads: ReadonlyMap<string, StoredHead>): void {
    const unsent = new Map([...heads].map(([document, head]) => [document, unsentOf(head)]))
    this.unsent.value = unsent
    const text = JSON.stringify(Object.fromEntries(unsent))
    if (!this.#database.lasting || text === this.#marked) return
    this.#marked = text
    this.#marker.write(text)
  }
}

function readMarker(text: string | null): Record<string, number> {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(Object.entries(value).filter(([, unsent]) => typeof unsent === 'number'))
  } catch {
    return {}
  }
}
