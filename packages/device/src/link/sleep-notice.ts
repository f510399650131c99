/**
 * Whether this machine is about to sleep, and that it woke. Linux tells it beforehand (logind's PrepareForSleep) and waits
 * for whoever holds an inhibitor lock; on every system, a wall clock that ran on by itself says that the machine slept. What
 * the system does not tell is found out by the heartbeats that stay away. It knows nothing of the link.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'

export interface SleepEvents {
  /** Sleep waits for this, up to the system's own patience. */
  sleeping(): Promise<void>
  woke(): void
}

/** The programs of the system, so that tests can be another one. A program that is not there says nothing. */
export interface SleepSources {
  /** Calls with each line of its output; returns the function that ends it. */
  follow(program: string, args: readonly string[], onLine: (line: string) => void): () => void
}

/** Ends with its standard input, so that it is no orphan when this process is killed. */
const monitor = `gdbus monitor --system --dest org.freedesktop.login1 --object-path /org/freedesktop/login1 &
cat > /dev/null; kill $!`
/** Holds sleep up until its standard input ends. */
const inhibit = ['--what=sleep', '--mode=delay', '--who=Meshbook', '--why=Tells the hub that this device sleeps', 'cat']

/** `true` before sleep, `false` after it; undefined for every other line of `gdbus monitor`. */
export function parsePrepareForSleep(line: string): boolean | undefined {
  const told = /^\/org\/freedesktop\/login1: org\.freedesktop\.login1\.Manager\.PrepareForSleep \((true|false),\)\s*$/
  const [, isBefore] = told.exec(line) ?? []
  return isBefore === undefined ? undefined : isBefore === 'true'
}

export class SleepNotice {
  readonly #events: SleepEvents
  readonly #sources: SleepSources | undefined
  readonly #limits: Limits
  readonly #now: Now
  #stopMonitor: (() => void) | undefined
  #release: (() => void) | undefined
  #clock: NodeJS.Timeout | undefined
  #lastTick = 0

  constructor(events: SleepEvents, limits: Limits, now: Now, sources?: SleepSources) {
    this.#events = events
    this.#sources = sources
    this.#limits = limits
    this.#now = now
  }

  start(): void {
    this.#lastTick = this.#now()
    this.#clock = setInterval(() => this.#tick(), this.#limits.clockTickMs)
    this.#clock.unref()
    this.#stopMonitor = this.#sources?.follow('sh', ['-c', monitor], line => this.#heard(line))
    this.#hold()
  }

  close(): void {
    clearInterval(this.#clock)
    this.#stopMonitor?.()
    this.#release?.()
  }

  #hold(): void {
    this.#release = this.#sources?.follow('systemd-inhibit', inhibit, ignore)
  }

  #heard(line: string): void {
    const isBefore = parsePrepareForSleep(line)
    if (isBefore === undefined) return
    if (!isBefore) {
      this.#wake()
      return
    }
    const release = (): void => this.#release?.()
    this.#events.sleeping().then(release, release)
  }

  /** Timers stand still while the machine sleeps, the clock does not. A clock that was set looks the same: no harm. */
  #tick(): void {
    const at = this.#now()
    const slept = at - this.#lastTick > this.#limits.clockTickMs + this.#limits.clockJumpMs
    this.#lastTick = at
    if (slept) this.#events.woke()
  }

  #wake(): void {
    this.#lastTick = this.#now()
    this.#release?.()
    this.#hold()
    this.#events.woke()
  }
}

const ignore = (): void => undefined

export const systemPrograms: SleepSources = {
  follow(program, args, onLine) {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] })
    child.on('error', ignore)
    child.stdin.on('error', ignore)
    createInterface({ input: child.stdout }).on('line', onLine)
    return () => void child.stdin.end()
  },
}
