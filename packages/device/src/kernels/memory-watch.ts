/**
 * Looks at what a session takes of the memory, and says so once it is more than it may: then its kernel ends, before
 * the machine has to choose whom it ends. It looks faster when little is left.
 */
import type { Limits } from '@meshbook/core/limits.ts'
import { childrenOf, machineBytes, ownBytes, residentBytes } from './memory-use.ts'

/** Every so often all processes are gone through, for those that have left their parents. */
const wholeEvery = 10

export interface MemoryWatchOptions {
  limits: Limits
  /** The policy's limit; 0 where it sets none. */
  limitBytes(): number
  /** The kernel process, while there is one. */
  pid(): number | undefined
  /** All of the kernel. */
  processes(): Promise<number[]>
  onOver(usedBytes: number, limitBytes: number): void
}

export class MemoryWatch {
  readonly #options: MemoryWatchOptions
  readonly #machine = machineBytes()
  #known: number[] = []
  #looks = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: MemoryWatchOptions) {
    this.#options = options
    this.#again(options.limits.memoryNearMs)
  }

  get limitBytes(): number {
    const usual = Math.floor((this.#machine * this.#options.limits.sessionMemoryPercent) / 100)
    return this.#options.limitBytes() || usual
  }

  #again(ms: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), ms)
  }

  async #look(): Promise<void> {
    const { pid, limits, onOver } = this.#options
    const kernel = pid()
    if (kernel === undefined) return this.#again(limits.memoryCheckMs)
    const limit = this.limitBytes
    const most = await residentBytes(await this.#processes(kernel))
    // A number that was remembered may have become another process's.
    const used = most > limit ? await ownBytes(await this.#options.processes()) : most
    if (used > limit && pid() === kernel && !this.#stopped) onOver(used, limit)
    this.#again(most > limit / 4 ? limits.memoryNearMs : limits.memoryCheckMs)
  }

  async #processes(kernel: number): Promise<number[]> {
    const isWhole = this.#looks++ % wholeEvery === 0 || process.platform !== 'linux'
    if (isWhole) this.#known = await this.#options.processes()
    const found = new Set([kernel, ...this.#known])
    for (let fresh = [...found]; fresh.length > 0 && !isWhole; ) {
      fresh = (await childrenOf(fresh)).filter(pid => !found.has(pid))
      for (const pid of fresh) found.add(pid)
    }
    return [...found]
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }
}
