/**
 * How long an event loop with nothing to do did not turn: what the machine, not the program under test, is to blame for.
 * The file is also the thread that finds out.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

export interface IdleLoop {
  /** Ends the watch; the longest delay. */
  stop(): Promise<number>
}

export function watchIdleLoop(): IdleLoop {
  const worker = new Worker(new URL(import.meta.url))
  return {
    stop: async () => {
      const longest = new Promise<number>(resolve => worker.once('message', resolve))
      worker.postMessage('stop')
      const ms = await longest
      await worker.terminate()
      return Math.round(ms)
    },
  }
}

if (!isMainThread && parentPort) {
  const port = parentPort
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  port.once('message', () => port.postMessage(delay.max / 1e6))
}
