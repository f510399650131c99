/**
 * Push in the worker: whatever comes is shown (a push that shows nothing costs the subscription), and only what was shown
 * is confirmed; a press opens what it is about; a subscription that the browser changes is made good (NT11, NT20, NT22).
 */
import { notificationOf } from '@meshbook/core/notification.ts'
import { ensureSubscription, type Subscriber } from '../../notify/subscription.ts'
import type { PageWindow } from './scope.ts'

export interface PushPorts {
  show(title: string, options: NotificationOptions): Promise<void>
  send(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Response>
  windows(): Promise<readonly PageWindow[]>
  open(url: string): Promise<unknown>
  subscriber: Subscriber
  now(): number
}

const pictures = { icon: '/m/icon-192.png', badge: '/m/badge-96.png' }

/** There is no way through this that shows nothing. */
export async function showPush(ports: PushPorts, data: { text(): string } | null): Promise<void> {
  const { title, options } = notificationOf(textOf(data))
  try {
    await ports.show(title, { ...options, ...pictures } as NotificationOptions)
  } catch {
    // Something in it that this browser does not take: then the words alone.
    await ports.show(title, { body: options.body })
  }
  if (options.data.receipt === '') return
  // Without it the hub says that the phone has not confirmed, which the next one may mend.
  await ports.send('POST', '/push/receipts', { receipt: options.data.receipt }).catch(() => undefined)
}

function textOf(data: { text(): string } | null): string | undefined {
  try {
    return data?.text()
  } catch {
    return undefined
  }
}

export interface PressedNotice {
  readonly data: unknown
  close(): void
}

/** To the window of the app that is looked at, or was last; without one, a new one. */
export async function openNotice(ports: PushPorts, notice: PressedNotice, origin: string): Promise<void> {
  notice.close()
  // What is shown was made by `notificationOf`; another script of this origin could have shown something else.
  const { url } = notificationOf(notice.data).options.data
  const windows = (await ports.windows()).filter(page => isApp(page.url, origin))
  const page =
    windows.find(({ focused }) => focused) ??
    windows.find(({ visibilityState }) => visibilityState === 'visible') ??
    windows[0]
  if (!page || !isApp(origin + url, origin)) return void (await ports.open(url))
  page.postMessage({ open: url })
  // A browser may refuse to bring it to the front; it shows the place all the same.
  await page.focus().catch(() => undefined)
}

function isApp(url: string, origin: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && parsed.origin === origin && (parsed.pathname === '/m' || parsed.pathname.startsWith('/m/'))
}

/** Without a session, or without the hub, the next start of the app does it. */
export async function renewSubscription(ports: PushPorts, oldEndpoint: string | undefined): Promise<void> {
  const answer = await ports.send('GET', '/push/key')
  if (!answer.ok) return
  const { key } = (await answer.json()) as { key?: unknown }
  if (typeof key !== 'string') return
  const { subscription, replaces = oldEndpoint } = await ensureSubscription(ports.subscriber, key, ports.now())
  await ports.send('POST', '/push/ways', {
    kind: 'push',
    subscription: subscription.toJSON(),
    ...(replaces !== undefined && replaces !== subscription.endpoint && { replaces }),
  })
}
