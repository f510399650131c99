/**
 * A push service and the browsers that subscribe to it, as strict as the standards: RFC 8030 (delivery), RFC 8291
 * (encryption), RFC 8292 (VAPID). Written over node:crypto alone, so that it checks the hub and not a library.
 */
import assert from 'node:assert/strict'
import { createDecipheriv, createECDH, createPublicKey, type ECDH, hkdfSync, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

interface Teardown {
  after(undo: () => unknown): void
}

export interface ReceivedPush {
  payload: Record<string, unknown>
  headers: IncomingMessage['headers']
  ttl: number
  urgency: string
  topic: string | undefined
  at: number
}

/** An answer instead of 201: status, headers, or none for a connection that is cut. */
export type Ordered = { status: number; headers?: Record<string, string> } | 'cut' | 'take and cut' | 'hang'

export class Subscription {
  readonly endpoint: string
  readonly serverKey: string
  readonly received: ReceivedPush[] = []
  /** What the next messages are answered with; then 201 again. */
  readonly answers: Ordered[] = []
  readonly #keys: ECDH
  readonly #auth = randomBytes(16)
  attempts = 0
  /** Takes messages as they are, for whoever has the keys: a browser. */
  deliver: ((body: Buffer) => void) | undefined

  constructor(endpoint: string, serverKey: string) {
    this.endpoint = endpoint
    this.serverKey = serverKey
    this.#keys = createECDH('prime256v1')
    this.#keys.generateKeys()
  }

  /** As a page sends it. */
  toJSON() {
    const keys = { p256dh: this.#keys.getPublicKey('base64url'), auth: this.#auth.toString('base64url') }
    return { endpoint: this.endpoint, expirationTime: null, keys }
  }

  /** RFC 8291, section 4, and RFC 8188. */
  decrypt(body: Buffer): string {
    const [salt, size, idLength] = [body.subarray(0, 16), body.readUInt32BE(16), body.readUInt8(20)]
    assert.equal(idLength, 65, 'the key of the sender stands in the header')
    const sender = body.subarray(21, 21 + idLength)
    const record = body.subarray(21 + idLength)
    assert.ok(size >= 18 && record.length <= size, 'one record')
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.#keys.getPublicKey(), sender])
    const secret = Buffer.from(hkdfSync('sha256', this.#keys.computeSecret(sender), this.#auth, info, 32))
    const key = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: aes128gcm\0', 16))
    const nonce = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: nonce\0', 12))
    const decipher = createDecipheriv('aes-128-gcm', key, nonce)
    decipher.setAuthTag(record.subarray(-16))
    const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()])
    const end = padded.lastIndexOf(2)
    assert.ok(end >= 0 && padded.subarray(end + 1).every(byte => byte === 0), 'padding of the last record')
    return padded.subarray(0, end).toString('utf8')
  }
}

interface PushPlace {
  host: string
  tls?: { cert: string; key: string }
}

export class PushService {
  readonly origin: string
  readonly subscriptions = new Map<string, Subscription>()
  /** What was wrong with requests; a test ends with none. */
  readonly wrongs: string[] = []
  #count = 0

  private constructor(server: Server, { host, tls }: PushPlace) {
    this.origin = `${tls ? 'https' : 'http'}://${host}:${(server.address() as AddressInfo).port}`
    server.on('request', (request, answer) => {
      this.#take(request, answer).catch((error: unknown) => {
        this.wrongs.push(String(error))
        answer.writeHead(400).end(String(error))
      })
    })
  }

  /** With a certificate it speaks HTTPS, as every real one does. */
  static async start(t: Teardown, place: PushPlace = { host: '127.0.0.1' }): Promise<PushService> {
    const server = place.tls ? createTlsServer(place.tls) : createServer()
    server.listen(0, place.host)
    await once(server, 'listening')
    const service = new PushService(server, place)
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return service
  }

  /** `serverKey`: the page's `applicationServerKey`. */
  subscribe(serverKey: string): Subscription {
    const path = `/push/${++this.#count}-${randomBytes(9).toString('base64url')}`
    const subscription = new Subscription(this.origin + path, serverKey)
    this.subscriptions.set(path, subscription)
    return subscription
  }

  async #take(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = Buffer.concat((await request.toArray()) as Buffer[])
    const subscription = this.subscriptions.get(request.url ?? '')
    if (!subscription) return void answer.writeHead(404).end()
    subscription.attempts++
    const { headers } = request
    assert.equal(request.method, 'POST')
    assert.equal(headers.host, new URL(this.origin).host)
    assert.equal(headers['content-encoding'], 'aes128gcm')
    const ttl = headers.ttl
    assert.match(String(ttl), /^\d+$/, 'TTL must be there (RFC 8030, 5.2)')
    const urgency = String(headers.urgency ?? 'normal')
    assert.ok(['very-low', 'low', 'normal', 'high'].includes(urgency), `Urgency ${urgency}`)
    const topic = headers.topic as string | undefined
    assert.ok(topic === undefined || /^[A-Za-z0-9_-]{1,32}$/.test(topic), `Topic ${topic}`)
    this.#checkVapid(String(headers.authorization), subscription.serverKey)
    const ordered = subscription.answers.shift()
    if (ordered === 'hang') return
    if (ordered === 'cut') return void request.socket.destroy()
    if (body.length > 4_096) return void answer.writeHead(413).end()
    if (ordered !== undefined && ordered !== 'take and cut')
      return void answer.writeHead(ordered.status, ordered.headers).end('no')
    if (subscription.deliver) subscription.deliver(body)
    else {
      const payload = JSON.parse(subscription.decrypt(body)) as Record<string, unknown>
      subscription.received.push({ payload, headers, ttl: Number(ttl), urgency, topic, at: Date.now() })
    }
    if (ordered === 'take and cut') return void request.socket.destroy()
    answer.writeHead(201, { location: `${this.origin}/message/${randomBytes(6).toString('hex')}` }).end()
  }

  /** RFC 8292: who sends, to whom, until when, signed by the key that the browser subscribed with. */
  #checkVapid(authorization: string, serverKey: string): void {
    const [, token = '', key = ''] = /^vapid t=([\w-]+\.[\w-]+\.[\w-]+), ?k=([\w-]+)$/.exec(authorization) ?? []
    assert.equal(key, serverKey, 'k is the key of the subscription')
    const [head = '', claims = '', signature = ''] = token.split('.')
    const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString())
    assert.equal(read(head).alg, 'ES256')
    const { aud, exp, sub } = read(claims)
    assert.equal(aud, this.origin)
    const seconds = Date.now() / 1_000
    assert.ok(typeof exp === 'number' && exp > seconds && exp <= seconds + 86_400, 'exp is within a day')
    assert.match(String(sub), /^(?:https:\/\/|mailto:)[^/]+$/)
    const point = Buffer.from(key, 'base64url')
    assert.equal(point.length, 65)
    const jwk = { kty: 'EC', crv: 'P-256', x: point.toString('base64url', 1, 33), y: point.toString('base64url', 33) }
    const signed = verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
    assert.ok(signed, 'the signature is that of the key')
  }
}
