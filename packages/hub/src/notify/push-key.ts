/** The hub's key pair for push (VAPID, RFC 8292), what is said with it of whose it is, and the receipts and codes that it makes. The private half leaves this only into a signature (S19). */
import { createHmac } from 'node:crypto'
import type { PushKey } from '@meshbook/core/notify-api.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import webPush from 'web-push'
import type { HubStore } from '../store/hub-store.ts'

export class PushKeyPair {
  readonly publicKey: string
  readonly #privateKey: string

  private constructor(keys: { publicKey: string; privateKey: string }) {
    this.publicKey = keys.publicKey
    this.#privateKey = keys.privateKey
  }

  /** That of the database; made at the very first start. */
  static async open(store: Pick<HubStore, 'call'>, now: number): Promise<PushKeyPair> {
    return new PushKeyPair(await store.call('pushKeys', { made: webPush.generateVAPIDKeys(), now }))
  }

  /** `hubUrl`: where the hub is reached, as whose voice it speaks. */
  details(hubUrl: string): { subject: string; publicKey: string; privateKey: string } {
    return { subject: subjectOf(hubUrl), publicKey: this.publicKey, privateKey: this.#privateKey }
  }

  /** Eight digits that confirm the address of a way, made from the request for them and stored nowhere (NT31). */
  codeOf(notice: string, way: string): string {
    const mac = createHmac('sha256', this.#privateKey).update(`mail code ${notice} ${way}`).digest()
    return String(mac.readBigUInt64BE() % 100_000_000n).padStart(8, '0')
  }

  /** Stands for a mailbox where they are counted. */
  markOf(mailbox: string): string {
    return createHmac('sha256', this.#privateKey).update(`mailbox ${mailbox}`).digest('base64url')
  }

  /** The same for every attempt and on every hub, and not to be guessed (NT20). */
  receiptOf(notice: string, way: string): string {
    return createHmac('sha256', this.#privateKey).update(`receipt ${notice} ${way}`).digest('base64url')
  }
}

/** The standard wants an https address, also of a hub that is used on its own machine alone. */
function subjectOf(hubUrl: string): string {
  const url = new URL(hubUrl)
  if (url.hostname === 'localhost') url.hostname = '127.0.0.1'
  return `https://${url.host}`
}

/** Browsers have push only where nobody can overhear the page. */
export function pushKeyAt({ publicKey: key }: Pick<PushKeyPair, 'publicKey'>, hubUrl: string): PushKey {
  const { protocol, hostname } = new URL(hubUrl)
  if (protocol === 'https:' || isLoopbackName(hostname)) return { key, works: true }
  const why = `Browsers allow push only over HTTPS, and this hub is at ${hubUrl}. Set MESHBOOK_PUBLIC_URL to its https address, or see docs/notifications.md for ntfy, which needs none.`
  return { key, works: false, why }
}
