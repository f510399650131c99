/** The timers that a run has set, so that an interrupt can stop a loop that waits between its rounds. */
type SetTimer = (callback: (...args: unknown[]) => void, ...rest: unknown[]) => NodeJS.Timeout | NodeJS.Immediate

export class RunTimers {
  #handles = new Set<NodeJS.Timeout | NodeJS.Immediate>()

  constructor() {
    for (const name of ['setTimeout', 'setInterval', 'setImmediate'] as const) this.#wrap(name)
  }

  #wrap(name: 'setTimeout' | 'setInterval' | 'setImmediate'): void {
    const original = globalThis[name] as unknown as SetTimer
    const once = name !== 'setInterval'
    const wrapped: SetTimer = (callback, ...rest) => {
      if (typeof callback !== 'function') return original(callback, ...rest)
      const call = (...args: unknown[]) => {
        if (once) this.#handles.delete(handle)
        callback(...args)
      }
      const handle = original(call, ...rest)
      this.#handles.add(handle)
      return handle
    }
    // util.promisify and inspection keep working on the wrapped function.
    Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(original))
    globalThis[name] = wrapped as never
  }

  begin(): void {
    this.#handles.clear()
  }

  clear(): void {
    for (const handle of this.#handles) {
      clearTimeout(handle as NodeJS.Timeout)
      clearImmediate(handle as NodeJS.Immediate)
    }
    this.#handles.clear()
  }
}
