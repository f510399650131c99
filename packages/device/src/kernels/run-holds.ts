/**
 * Who wants no run to begin for a while, as while a session is moved away. A hold is durable and ends by itself, so that
 * neither a daemon that died nor a host that was replaced leaves a session that runs nothing, or one that runs too early.
 */
import { join } from 'node:path'
import type { Now } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import { readJson, writeJson } from './files.ts'

const fileSchema = v.record(v.string(), v.number())

export class RunHolds {
  readonly #path: string
  readonly #now: Now
  readonly #onFree: () => void
  /** When each lets go by itself. */
  #until = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(folder: string, now: Now, onFree: () => void) {
    this.#path = join(folder, 'holds.json')
    this.#now = now
    this.#onFree = onFree
  }

  async load(): Promise<void> {
    const parsed = v.safeParse(fileSchema, await readJson(this.#path))
    if (parsed.success) this.#until = new Map(Object.entries(parsed.output))
    this.#look()
  }

  get isHeld(): boolean {
    return this.#until.size > 0
  }

  async take(hold: string, maxMs: number): Promise<void> {
    this.#until.set(hold, this.#now() + maxMs)
    this.#look()
    await this.#write()
  }

  async release(hold: string): Promise<void> {
    if (!this.#until.delete(hold)) return
    await this.#write()
    this.#look()
    if (!this.isHeld) this.#onFree()
  }

  #write(): Promise<void> {
    return writeJson(this.#path, Object.fromEntries(this.#until))
  }

  #look(): void {
    clearTimeout(this.#timer)
    const wasHeld = this.isHeld
    for (const [hold, until] of this.#until) if (until <= this.#now()) this.#until.delete(hold)
    if (this.isHeld) this.#timer = setTimeout(() => this.#look(), Math.min(...this.#until.values()) - this.#now())
    else if (wasHeld) this.#onFree()
  }
}
