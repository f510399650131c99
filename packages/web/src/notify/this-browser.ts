/**
 * Push in this browser: whether it can work, whether its user wanted it, turning it on and off, and making it good at a
 * start (PH50, PH53). The wish is kept here, for one user: another one who signs in is asked anew.
 */
import type { Way } from '@meshbook/core/notify-api.ts'
import { signal } from '@preact/signals'
import { notifyApi } from '../api/notify.ts'
import { ensureSubscription, hashOfEndpoint, type Subscriber } from './subscription.ts'

export interface WishStore {
  read(): Promise<string | undefined>
  write(user: string | undefined): Promise<unknown>
}

export type PushState =
  | { is: 'unknown' | 'off' | 'on' | 'refused' | 'unsupported' | 'add-to-home-screen' }
  /** The hub says why it cannot work at this address. */
  | { is: 'impossible'; why: string }
export const pushState = signal<PushState>({ is: 'unknown' })

/** Safari has push for apps on the home screen only, and shows elsewhere no sign of it. */
export function canSubscribe(): PushState | undefined {
  if ('PushManager' in globalThis && 'Notification' in globalThis && 'serviceWorker' in navigator) return undefined
  return { is: isApple() && !isOnHomeScreen() ? 'add-to-home-screen' : 'unsupported' }
}

export const isApple = (agent: string = navigator.userAgent, touches: number = navigator.maxTouchPoints): boolean =>
  /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touches > 1)

const isOnHomeScreen = (): boolean => matchMedia('(display-mode: standalone)').matches

export class PushHere {
  readonly #wish: WishStore
  readonly #user: string
  readonly #manager: () => Promise<Subscriber>
  readonly #now: () => number

  constructor(wish: WishStore, user: string, manager: () => Promise<Subscriber>, now: () => number) {
    this.#wish = wish
    this.#user = user
    this.#manager = manager
    this.#now = now
  }

  /** At every start: what was wanted here is made good without a question; otherwise only looked at. */
  async begin(): Promise<void> {
    pushState.value = canSubscribe() ?? (await this.#look())
  }

  async #look(): Promise<PushState> {
    if (Notification.permission === 'denied') return { is: 'refused' }
    const { works, why, key } = await notifyApi.key()
    if (!works) return { is: 'impossible', why: why ?? '' }
    if (Notification.permission !== 'granted' || (await this.#wish.read()) !== this.#user) return { is: 'off' }
    await this.#makeGood(key)
    return { is: 'on' }
  }

  async #makeGood(key: string): Promise<void> {
    const manager = await this.#manager()
    const { subscription, replaces } = await ensureSubscription(manager, key, this.#now())
    const hash = await hashOfEndpoint(subscription.endpoint)
    const isKnown = replaces === undefined && (await notifyApi.ways()).some(({ endpointHash }) => endpointHash === hash)
    if (!isKnown) await this.#add(subscription, replaces)
  }

  async #add(subscription: { toJSON(): unknown }, replaces: string | undefined): Promise<void> {
    const json = subscription.toJSON() as Extract<Parameters<typeof notifyApi.add>[0], { kind: 'push' }>['subscription']
    const name = browserName(navigator.userAgent)
    await notifyApi.add({ kind: 'push', name, subscription: json, ...(replaces !== undefined && { replaces }) })
  }

  /** Only from a press: browsers ask their user only then. */
  async turnOn(): Promise<void> {
    const permission = await Notification.requestPermission()
    if (permission !== 'granted') {
      pushState.value = { is: permission === 'denied' ? 'refused' : 'off' }
      return
    }
    const { key, works, why } = await notifyApi.key()
    if (!works) {
      pushState.value = { is: 'impossible', why: why ?? '' }
      return
    }
    await this.#makeGood(key)
    await this.#wish.write(this.#user)
    pushState.value = { is: 'on' }
  }

  /** The wish goes first: whatever fails after it, the next start does not make it good again. */
  async turnOff(ways: readonly Way[]): Promise<void> {
    await this.#wish.write(undefined)
    const subscription = await (await this.#manager()).getSubscription()
    if (subscription) {
      const hash = await hashOfEndpoint(subscription.endpoint)
      const own = ways.find(({ endpointHash }) => endpointHash === hash)
      if (own) await notifyApi.remove(own.id)
      await subscription.unsubscribe()
    }
    pushState.value = { is: 'off' }
  }
}

const browsers: readonly [RegExp, string][] = [
  [/Firefox|FxiOS/, 'Firefox'],
  [/Edg/, 'Edge'],
  [/SamsungBrowser/, 'Samsung Internet'],
  [/Chrome|CriOS/, 'Chrome'],
  [/Safari/, 'Safari'],
]
const machines: readonly [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Macintosh/, 'Mac'],
  [/Windows/, 'Windows'],
  [/Linux/, 'Linux'],
]

/** `Chrome on Android`: what the list of ways calls it. */
export function browserName(agent: string): string {
  const named = (list: readonly [RegExp, string][]) => list.find(([pattern]) => pattern.test(agent))?.[1]
  const [browser, machine] = [named(browsers) ?? 'A browser', named(machines)]
  return machine === undefined ? browser : `${browser} on ${machine}`
}
