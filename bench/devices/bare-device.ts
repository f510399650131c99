/** A device that connects, registers, beats and pings as the shipped one does, and has nothing to run. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { channelProofText, writeChannelProof } from '@meshbook/core/device-auth.ts'
import { decodeFrame, subprotocol } from '@meshbook/core/frames.ts'
import { type DeviceId, deviceIdOf } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { encodeMessage, frameTypes, type Metrics, type UpMessage } from '@meshbook/core/messages.ts'
import { WebSocket } from 'ws'

export class BareDevice {
  readonly id: DeviceId
  readonly publicKey: string
  readonly #key: KeyObject
  #socket: WebSocket | undefined
  #timers: NodeJS.Timeout[] = []
  receivedBytes = 0

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    this.publicKey = publicKey.export({ format: 'jwk' }).x!
    this.#key = privateKey
    this.id = deviceIdOf(createHash('sha256').update(Buffer.from(this.publicKey, 'base64url')).digest())
  }

  /** Resolves once it is welcome. */
  async connect(hub: string): Promise<void> {
    const socket = new WebSocket(`${hub.replace('http', 'ws')}/channel`, subprotocol, {
      headers: { authorization: this.#proof(new URL(hub).host) },
      perMessageDeflate: false,
    })
    this.#socket = socket
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('close', code => reject(new Error(`the hub closed the channel (${code})`)))
      socket.once('open', () => this.#send(this.#registration()))
      socket.on('message', (data: Buffer) => {
        this.receivedBytes += data.byteLength
        if (decodeFrame(data).type === frameTypes.WELCOME) resolve()
      })
    })
    this.#timers = [setInterval(() => socket.ping(), limits.pingMs), this.#beating()]
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#socket?.removeAllListeners('close')
    this.#socket?.terminate()
  }

  #beating(): NodeJS.Timeout {
    return setInterval(() => this.#send({ type: 'HEARTBEAT', metrics: metrics(), heads: [] }), limits.heartbeatMs)
  }

  #send(message: UpMessage): void {
    this.#socket?.send(encodeMessage(message))
  }

  #registration(): UpMessage {
    return {
      type: 'REGISTER',
      version: 1,
      device: this.id,
      name: this.id.slice(0, 20),
      kind: 'server',
      os: 'linux 6',
      arch: 'x64',
      runtimes: ['python', 'bash', 'javascript'].map(language => ({ language, kernel: language, version: '3.12' })),
      metrics: metrics(),
      projects: [],
      heads: [],
      runs: [],
      credit: limits.streamCreditBytes,
    }
  }

  #proof(host: string): string {
    const claim = { device: this.id, timestamp: Date.now(), nonce: randomBytes(16).toString('base64url') }
    const signature = sign(null, Buffer.from(channelProofText(host, claim)), this.#key).toString('base64url')
    return writeChannelProof({ ...claim, signature })
  }
}

const metrics = (): Metrics => ({
  cpu: Math.random(),
  memoryBytes: 2 ** 35,
  memoryFreeBytes: Math.floor(Math.random() * 2 ** 34),
  gpus: [{ name: 'A GPU', memoryBytes: 2 ** 34, memoryFreeBytes: 2 ** 33, load: Math.random() }],
  battery: { level: Math.random(), charging: true },
})
