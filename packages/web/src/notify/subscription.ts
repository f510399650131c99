/**
 * This browser's subscription to push: made with the hub's key, and made anew where it belongs to another one. The page
 * and the service worker use it, so it knows no schema and no page.
 */

/** The part of a browser's PushManager that is used. */
export interface Subscriber {
  getSubscription(): Promise<Subscribed | null>
  subscribe(options: { userVisibleOnly: true; applicationServerKey: string }): Promise<Subscribed>
}
export interface Subscribed {
  readonly endpoint: string
  readonly expirationTime: number | null
  readonly options: { readonly applicationServerKey: ArrayBuffer | null }
  unsubscribe(): Promise<boolean>
  toJSON(): unknown
}

export interface Ensured {
  subscription: Subscribed
  /** Endpoint of the one that it stands for now. */
  replaces?: string
}

/** The subscription as it is where it is good; otherwise a new one (NT22). Nobody is asked anything. */
export async function ensureSubscription(manager: Subscriber, key: string, now: number): Promise<Ensured> {
  const old = await manager.getSubscription()
  if (old && isGood(old, key, now)) return { subscription: old }
  // A browser refuses a second key as long as it has a subscription with the first.
  await old?.unsubscribe()
  const subscription = await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  return { subscription, ...(old && { replaces: old.endpoint }) }
}

function isGood({ expirationTime, options }: Subscribed, key: string, now: number): boolean {
  if (expirationTime !== null && expirationTime <= now) return false
  return options.applicationServerKey !== null && base64url(options.applicationServerKey) === key.replace(/=+$/, '')
}

function base64url(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

/** As the hub tells a way by its endpoint: SHA-256, in hex. */
export async function hashOfEndpoint(endpoint: string): Promise<string> {
  const found = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(endpoint)))
  return [...found].map(byte => byte.toString(16).padStart(2, '0')).join('')
}
