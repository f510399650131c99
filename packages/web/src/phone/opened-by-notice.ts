/** A notice was pressed while this window is open: the worker names the place, and it is gone to here (PH52). */
import { go } from './place.ts'

export function followPresses(workers: ServiceWorkerContainer | undefined): void {
  workers?.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    const to = typeof data === 'object' && data !== null && 'open' in data ? data.open : undefined
    if (typeof to === 'string' && to.startsWith('/m/')) go(to)
  })
}
