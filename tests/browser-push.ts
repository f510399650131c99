/**
 * The other side of a push service: the socket by which Firefox subscribes and gets its messages, as Mozilla's autopush
 * speaks it. What the hub sends is checked by the strict service and handed on unread; the browser alone can decrypt it.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { PushService } from './push-service.ts'

type FromBrowser =
  | { messageType: 'hello'; uaid?: string }
  | { messageType: 'register'; channelID: string; key?: string }
  | { messageType: 'unregister'; channelID: string }
  | { messageType: 'ack'; updates: { channelID: string; version: string; code?: number }[] }
  | { messageType: 'broadcast_subscribe' }

export class BrowserPush {
  readonly url: string
  /** Codes of what the browser took: 100 says that a worker got it, 101 that it could not be decrypted. */
  readonly taken: (number | undefined)[] = []
  readonly #service: PushService

  private constructor(service: PushService, port: number) {
    this.#service = service
    this.url = `ws://127.0.0.1:${port}/`
  }

  static async start(t: { after(undo: () => unknown): void }, service: PushService): Promise<BrowserPush> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 64 * 1024 })
    await once(server, 'listening')
    const push = new BrowserPush(service, (server.address() as AddressInfo).port)
    server.on('connection', socket =>
      socket.on('message', data => push.#take(socket, JSON.parse(String(data)) as FromBrowser)),
    )
    t.after(() => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    })
    return push
  }

  #take(socket: WebSocket, message: FromBrowser): void {
    const say = (answer: object): void => socket.send(JSON.stringify(answer))
    if (message.messageType === 'hello')
      say({
        messageType: 'hello',
        uaid: message.uaid || randomUUID().replaceAll('-', ''),
        status: 200,
        use_webpush: true,
      })
    if (message.messageType === 'register') say(this.#register(message, say))
    if (message.messageType === 'unregister')
      say({ messageType: 'unregister', channelID: message.channelID, status: 200 })
    if (message.messageType === 'ack') this.taken.push(...message.updates.map(({ code }) => code))
  }

  #register({ channelID, key = '' }: { channelID: string; key?: string }, say: (answer: object) => void): object {
    // Firefox writes the key with its padding.
    const subscription = this.#service.subscribe(key.replace(/=+$/, ''))
    subscription.deliver = body => {
      const headers = { encoding: 'aes128gcm' }
      const data = body.toString('base64url')
      say({ messageType: 'notification', channelID, version: randomUUID(), data, headers })
    }
    return { messageType: 'register', channelID, status: 200, pushEndpoint: subscription.endpoint }
  }
}
