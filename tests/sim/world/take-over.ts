/**
 * The clock, the timers and the chance of this process, as parameters of a simulation: while one is running, every timer
 * that shipped code sets, also inside libraries, waits in its timeline, and every random number comes from its seed. It
 * must be imported before anything else, because libraries keep the functions that they find when they are loaded.
 */
import { webcrypto } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timersPromises from 'node:timers/promises'

export interface Taken {
  now(): number
  random(): number
  fill(bytes: Uint8Array): void
  /** Calls `task` after `ms` of virtual time; returns what cancels it. */
  after(ms: number, task: () => void): () => void
}

/** What the system itself gives; the timeline needs one real turn of the event loop between two events. */
export const real = {
  now: Date.now.bind(Date),
  setImmediate: globalThis.setImmediate,
}

let active: Taken | undefined

/** From now on time and chance are `taken`'s; undefined gives the system its own back. */
export function takeOver(taken: Taken | undefined): void {
  active = taken
}

class VirtualTimer {
  readonly #cancel: () => void
  constructor(cancel: () => void) {
    this.#cancel = cancel
  }
  cancel(): void {
    this.#cancel()
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return false
  }
}

type Task = (...args: unknown[]) => void

/** The first firing after `ms`, and as long as nobody cancels another one each `ms` later. */
function every(taken: Taken, ms: number, task: () => void): VirtualTimer {
  let cancel: () => void = () => undefined
  const next = (): void => {
    cancel = taken.after(Math.max(1, ms), () => {
      next()
      task()
    })
  }
  next()
  return new VirtualTimer(() => cancel())
}

function replace(
  name: 'setTimeout' | 'setInterval' | 'setImmediate',
  make: (taken: Taken, ms: number, task: () => void) => VirtualTimer,
): void {
  const system = globalThis[name] as unknown as (...args: unknown[]) => unknown
  const replacement = (task: Task, ...rest: unknown[]): unknown => {
    if (!active) return system(task, ...rest)
    const [ms, ...args] = name === 'setImmediate' ? [0, ...rest] : rest
    return make(active, typeof ms === 'number' && ms > 0 ? ms : 0, () => task(...args))
  }
  Object.assign(globalThis, { [name]: replacement })
}

function replaceClear(name: 'clearTimeout' | 'clearInterval' | 'clearImmediate'): void {
  const system = globalThis[name] as unknown as (timer: unknown) => void
  Object.assign(globalThis, {
    [name]: (timer: unknown) => (timer instanceof VirtualTimer ? timer.cancel() : system(timer)),
  })
}

replace('setTimeout', (taken, ms, task) => new VirtualTimer(taken.after(ms, task)))
replace('setImmediate', (taken, _ms, task) => new VirtualTimer(taken.after(0, task)))
replace('setInterval', every)
replaceClear('clearTimeout')
replaceClear('clearInterval')
replaceClear('clearImmediate')

const systemSleep = timersPromises.setTimeout
function sleep<T>(ms?: number, value?: T, options?: object): Promise<T> {
  if (!active) return systemSleep(ms, value, options) as Promise<T>
  const taken = active
  return new Promise(resolve => taken.after(ms ?? 0, () => resolve(value as T)))
}
Object.assign(timersPromises, { setTimeout: sleep })
syncBuiltinESMExports()

const systemPerformanceNow = performance.now.bind(performance)
performance.now = () => (active ? active.now() : systemPerformanceNow())
Date.now = () => (active ? active.now() : real.now())
const systemMathRandom = Math.random
Math.random = () => (active ? active.random() : systemMathRandom())

const systemFill = webcrypto.getRandomValues.bind(webcrypto)
function fill<T extends ArrayBufferView>(view: T): T {
  if (!active) return systemFill(view as never)
  active.fill(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  return view
}
const systemUuid = webcrypto.randomUUID.bind(webcrypto)
function uuid(): string {
  if (!active) return systemUuid()
  const bytes = new Uint8Array(16)
  active.fill(bytes)
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}
Object.defineProperty(webcrypto, 'getRandomValues', { value: fill, configurable: true })
Object.defineProperty(webcrypto, 'randomUUID', { value: uuid, configurable: true })
