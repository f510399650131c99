/** The parts of a service worker's world that this one uses: the page's types and the worker's do not go together. */
interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void
}
export interface FetchCall extends Extendable {
  readonly request: Request
  respondWith(answer: Promise<Response>): void
}
export interface Message extends Extendable {
  readonly data: unknown
}
export interface WorkerScope {
  readonly location: Location
  readonly clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate' | 'sync', listener: (event: Extendable) => void): void
  addEventListener(type: 'fetch', listener: (event: FetchCall) => void): void
  addEventListener(type: 'message', listener: (event: Message) => void): void
}

export const worker = globalThis as unknown as WorkerScope
