/** A device as a script: speaks the channel with a real key over a real socket, and does only what the test tells it. */

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { channelProofText, writeChannelProof } from '@meshbook/core/device-auth.ts'
import { decodeFrame, subprotocol } from '@meshbook/core/frames.ts'
import { type DeviceId, deviceIdOf, type ProjectId, parseSeq } from '@meshbook/core/ids.ts'
import {
  type DownMessage,
  encodeMessage,
  frameTypes,
  type Lease,
  type Metrics,
  parseDown,
  SyncJoiner,
  type UpMessage,
} from '@meshbook/core/messages.ts'
import { sealProofText } from '@meshbook/core/pairing.ts'
import type { DeviceKeys } from '@meshbook/core/pairing-api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { WebSocket } from 'ws'
import type { Hub } from '../hub.ts'
import { atEnd } from './at-end.ts'

type Down<T extends DownMessage['type']> = Extract<DownMessage, { type: T }>
type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>

export class TestDevice {
  readonly id: DeviceId
  readonly publicKey: string
  readonly name: string
  readonly #privateKey: KeyObject
  /** How far its clock is before that of this machine. */
  clock = { offsetMs: 0 }
  readonly received: DownMessage[] = []
  readonly synced: { stream: number; bytes: Uint8Array }[] = []
  socket: WebSocket | undefined
  #waiting: (() => void)[] = []

  constructor(name = 'Desk') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    this.name = name
    this.publicKey = publicKey.export({ format: 'jwk' }).x!
    this.#privateKey = privateKey
    this.id = deviceIdOf(createHash('sha256').update(Buffer.from(this.publicKey, 'base64url')).digest())
  }

  proof(host: string, at = Date.now() + this.clock.offsetMs, nonce = randomBytes(16).toString('base64url')): string {
    const claim = { device: this.id, timestamp: at, nonce }
    const signature = sign(null, Buffer.from(channelProofText(host, claim)), this.#privateKey).toString('base64url')
    return writeChannelProof({ ...claim, signature })
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#privateKey).toString('base64url')
  }

  /** Its public side, as a new device shows it; `sealKey` is of a fresh identity unless given. */
  async keys(sealKey?: string): Promise<DeviceKeys> {
    const recipient = sealKey ?? (await identityToRecipient(await generateIdentity()))
    return { publicKey: this.publicKey, sealKey: recipient, sealProof: this.sign(sealProofText(this.id, recipient)) }
  }

  /** Connects without registering. */
  async connect(t: TestContext, hub: Hub, proof = this.proof(new URL(hub.url).host)): Promise<void> {
    const socket = new WebSocket(`${hub.url.replace('http', 'ws')}/channel`, subprotocol, {
      headers: { authorization: proof },
    })
    atEnd(t, () => socket.terminate())
    socket.on('message', data => this.#take(new Uint8Array(data as Buffer), joiner))
    const joiner = new SyncJoiner()
    this.socket = socket
    this.received.length = 0
    await once(socket, 'open')
  }

  async join(
    t: TestContext,
    hub: Hub,
    projects: ProjectId[],
    held: Pick<Up<'REGISTER'>, 'heads' | 'runs'> = { heads: [], runs: [] },
    languages = ['python'],
    metrics: Metrics = { cpu: 0.1, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] },
    shown: Pick<Up<'REGISTER'>, 'token' | 'seal' | 'lan' | 'restores'> = {},
  ): Promise<Down<'WELCOME'>> {
    await this.connect(t, hub)
    this.send({
      type: 'REGISTER',
      version: 1,
      device: this.id,
      name: this.name,
      kind: 'desktop',
      os: 'linux',
      arch: 'x64',
      runtimes: languages.map(language => ({ language, kernel: language, version: '1' })),
      metrics,
      projects,
      ...held,
      ...shown,
    })
    return this.next('WELCOME')
  }

  send(message: UpMessage): void {
    this.socket!.send(encodeMessage(message))
  }

  /** The first message of this type not yet taken; waits for it. */
  async next<T extends DownMessage['type']>(
    type: T,
    matches: (message: Down<T>) => boolean = () => true,
  ): Promise<Down<T>> {
    const deadline = performance.now() + 5_000
    for (;;) {
      const at = this.received.findIndex(message => message.type === type && matches(message as Down<T>))
      if (at >= 0) return this.received.splice(at, 1)[0] as Down<T>
      if (performance.now() > deadline)
        throw new Error(`no ${type} came; there are ${this.received.map(({ type }) => type).join(', ')}`)
      await new Promise<void>(resolve => {
        this.#waiting.push(resolve)
        setTimeout(resolve, 100)
      })
    }
  }

  /** Sends events of a run from `first` on and waits for their acknowledgement. */
  async emit(lease: Pick<Lease, 'run' | 'fence'>, first: number, events: RunEvent[]): Promise<Down<'RUN_ACK'>> {
    this.send({ type: 'RUN_EVENT', run: lease.run, fence: lease.fence, first: parseSeq(first), events })
    return this.next('RUN_ACK', ack => ack.run === lease.run)
  }

  async drop(): Promise<void> {
    const closed = once(this.socket!, 'close')
    this.socket!.terminate()
    await closed
  }

  #take(bytes: Uint8Array, joiner: SyncJoiner): void {
    const frame = decodeFrame(bytes)
    if (frame.type === frameTypes.SYNC || frame.type === frameTypes.SYNC_PART) {
      const whole = joiner.add(frame)
      if (whole) this.synced.push({ stream: frame.stream, bytes: whole })
    } else this.received.push(parseDown(frame))
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

const at = 1_800_000_000_000
export const started: RunEvent = { type: 'started', at, device: 'Desk', language: 'python', kernel: 'python' }
export const stdout = (text: string): RunEvent => ({ type: 'stdout', at, text })
export const completed: RunEvent = { type: 'completed', at: at + 5, durationMs: 5 }
