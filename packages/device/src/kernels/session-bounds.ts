/**
 * The bounds of one session inside its host: memory, the time of a run, and how long nobody uses it. It watches and
 * tells; what then becomes of run and kernel is the session's.
 */
import type { KernelPolicy } from '@meshbook/core/device-policy.ts'
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { minutesInWords } from './idle-note.ts'
import { readPolicy } from './kernel-policy.ts'
import { oomKills } from './memory-use.ts'
import { MemoryWatch } from './memory-watch.ts'
import { megabytes } from './recorder.ts'
import type { RunEntry, StopCode } from './run-entry.ts'

const minuteMs = 60_000
/** The longest time that a timer can be set to. */
const timerMs = 2 ** 31 - 1

export interface SessionBoundsOptions {
  folder: string
  limits: Limits
  now: Now
  /** The kernel process, while there is one. */
  pid(): number | undefined
  /** All of it. */
  processes(): Promise<number[]>
  isIdle(): boolean
  /** Without a run, what went on beside runs took too much. */
  onOver(entry: RunEntry | undefined, code: StopCode, detail: string): void
  onIdle(minutes: number): void
}

export class SessionBounds {
  readonly #options: SessionBoundsOptions
  readonly #memory: MemoryWatch
  #policy: KernelPolicy = { idleMinutes: 0, memoryBytes: 0, runMinutes: 0 }
  #usedAt: number
  #active: RunEntry | undefined
  #deadline: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #oomKills: [before: number, last: number] = [0, 0]
  #stopped = false

  constructor(options: SessionBoundsOptions) {
    this.#options = options
    this.#usedAt = options.now()
    this.#memory = new MemoryWatch({
      ...options,
      limitBytes: () => this.#policy.memoryBytes,
      onOver: (used, limit) =>
        options.onOver(this.#active, 'KERNEL_MEMORY', `${megabytes(used)} of the ${megabytes(limit)} that it may take`),
    })
    void this.#begin()
  }

  async #begin(): Promise<void> {
    const kills = await oomKills()
    this.#oomKills = [kills, kills]
    await this.#look()
  }

  async #look(): Promise<void> {
    this.#policy = await readPolicy(this.#options.folder)
    this.#oomKills = [this.#oomKills[1], await oomKills()]
    if (this.#stopped) return
    if (this.#active) this.#setDeadline(this.#active)
    this.#lookForIdle()
    this.#timer = setTimeout(() => void this.#look(), this.#options.limits.policyCheckMs)
  }

  #lookForIdle(): void {
    const { isIdle, pid, now, onIdle } = this.#options
    const { idleMinutes } = this.#policy
    if (!isIdle()) this.used()
    else if (idleMinutes > 0 && pid() !== undefined && now() - this.#usedAt >= idleMinutes * minuteMs)
      onIdle(idleMinutes)
  }

  /** Somebody wanted something of the session. */
  used(): void {
    this.#usedAt = this.#options.now()
  }

  runBegins(entry: RunEntry): void {
    this.#active = entry
    this.#setDeadline(entry)
  }

  runEnds(): void {
    clearTimeout(this.#deadline)
    this.#active = undefined
    this.used()
  }

  #setDeadline(entry: RunEntry): void {
    clearTimeout(this.#deadline)
    const own = entry.order.timeoutMs ?? Number.POSITIVE_INFINITY
    const policy = this.#policy.runMinutes > 0 ? this.#policy.runMinutes * minuteMs : Number.POSITIVE_INFINITY
    const most = Math.min(own, policy)
    if (most === Number.POSITIVE_INFINITY) return
    const who = own <= policy ? 'it was given a timeout of' : 'the policy of this device allows'
    const left = (entry.startedAt ?? this.#options.now()) + most - this.#options.now()
    const tell = () => this.#options.onOver(entry, 'RUN_TIMEOUT', `${who} ${inWords(most)}`)
    this.#deadline = setTimeout(tell, Math.min(Math.max(0, left), timerMs))
  }

  /** Whether the system ended a process for want of memory just now. */
  async ranOutOfMemory(): Promise<boolean> {
    return (await oomKills()) > this.#oomKills[0]
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#deadline)
    this.#memory.stop()
  }
}

function inWords(ms: number): string {
  if (ms % minuteMs === 0) return minutesInWords(ms / minuteMs)
  return `${Math.round(ms / 100) / 10} s`
}
