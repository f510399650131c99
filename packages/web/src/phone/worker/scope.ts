/** The parts of a service worker's world that this one uses: the page's types and the worker's do not go together. */
import type { Subscriber } from '../../notify/subscription.ts'

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void
}
interface Route {
  condition: { urlPattern: { pathname: string } }
  source: 'network' | 'fetch-event'
}
export interface Installing extends Extendable {
  /** Absent where the browser does not have it. */
  addRoutes?(routes: readonly Route[]): Promise<void>
}
export interface FetchCall extends Extendable {
  readonly request: Request
  readonly clientId: string
  respondWith(answer: Promise<Response>): void
}
export interface Message extends Extendable {
  readonly data: unknown
}
export interface PushCall extends Extendable {
  readonly data: { text(): string } | null
}
export interface NoticePress extends Extendable {
  readonly notification: { readonly data: unknown; close(): void }
}
export interface SubscriptionChange extends Extendable {
  readonly oldSubscription?: { readonly endpoint: string } | null
}
export interface PageWindow {
  readonly url: string
  readonly focused: boolean
  readonly visibilityState: 'visible' | 'hidden'
  focus(): Promise<unknown>
  postMessage(message: unknown): void
}
export interface WorkerScope {
  readonly location: Location
  readonly clients: {
    claim(): Promise<void>
    get(id: string): Promise<Pick<PageWindow, 'postMessage'> | undefined>
    matchAll(options: { type: 'window'; includeUncontrolled: true }): Promise<readonly PageWindow[]>
    openWindow(url: string): Promise<unknown>
  }
  readonly registration: {
    showNotification(title: string, options?: NotificationOptions): Promise<void>
    readonly pushManager: Subscriber
  }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install', listener: (event: Installing) => void): void
  addEventListener(type: 'activate' | 'sync', listener: (event: Extendable) => void): void
  addEventListener(type: 'fetch', listener: (event: FetchCall) => void): void
  addEventListener(type: 'message', listener: (event: Message) => void): void
  addEventListener(type: 'push', listener: (event: PushCall) => void): void
  addEventListener(type: 'notificationclick', listener: (event: NoticePress) => void): void
  addEventListener(type: 'pushsubscriptionchange', listener: (event: SubscriptionChange) => void): void
}

export const worker = globalThis as unknown as WorkerScope
