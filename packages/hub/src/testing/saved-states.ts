/** Records and sealed parts as devices bring them, without anything in them; and the requests of a device over HTTP. */
import { createHash, randomBytes } from 'node:crypto'
import { type Fence, type HeadId, newId, type SessionId, systemRandom } from '@meshbook/core/ids.ts'
import { type PartFrame, partHead, readPartFrames } from '@meshbook/core/part-frames.ts'
import type { PartId, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { TestDevice } from './test-device.ts'

export interface SealedPart {
  part: PartId
  bytes: Uint8Array
}

/** Names of parts are keyed hashes; to the hub they are any 64 digits. */
export function sealedPart(text: string, size = 40): SealedPart {
  const part = createHash('sha256').update(text).digest('hex')
  const bytes = new Uint8Array(size).fill(1)
  bytes.set(createHash('sha512').update(text).digest().subarray(0, Math.min(size, 64)))
  return { part, bytes }
}

export const randomPart = (size = 40): SealedPart => sealedPart(randomBytes(16).toString('hex'), size)

export function framesOf(parts: readonly SealedPart[]): Buffer<ArrayBuffer> {
  return Buffer.concat(parts.flatMap(({ part, bytes }) => [partHead(part, bytes.byteLength), bytes]))
}

export async function framesIn(bytes: Uint8Array): Promise<PartFrame[]> {
  async function* once(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const found: PartFrame[] = []
  for await (const frame of readPartFrames(once(), { partBytes: 2 ** 30, bytes: 2 ** 30, parts: 1e6 }))
    found.push(frame)
  return found
}

export interface HeldSession {
  session: SessionId
  head: HeadId
  fence: Fence
}

export function recordOf(
  device: Pick<TestDevice, 'id'>,
  { session, head, fence }: HeldSession,
  parts: readonly SealedPart[],
  more: Partial<SnapshotRecord> = {},
): SnapshotRecord {
  return {
    id: newId('snapshot', 1, systemRandom),
    session,
    head,
    fence,
    device: device.id,
    kind: 'portable',
    name: null,
    asOf: { at: 100, run: null },
    fit: { os: 'linux', arch: 'x64', cpu: [], language: 'python', version: '3.11' },
    inside: { variables: [], more: 0, processes: 1, threads: 1 },
    lost: [],
    pauseMs: 1.5,
    keyVersion: 1,
    bytes: 1,
    addedBytes: 1,
    manifest: parts[0]!.part,
    parts: parts.map(({ part }) => part),
    ...more,
  }
}

/** Requests with the proof of the device. */
export class DeviceRequests {
  readonly #url: () => string
  readonly #device: TestDevice

  constructor(hub: () => { url: string }, device: TestDevice) {
    this.#url = () => hub().url
    this.#device = device
  }

  ask(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Response> {
    const url = new URL(`/api/v1${path}`, this.#url())
    const isBytes = body instanceof Uint8Array || body instanceof ReadableStream
    return fetch(url, {
      method,
      headers: {
        authorization: this.#device.proof(url.host),
        ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : type }),
      },
      ...(body === undefined ? {} : { body: isBytes ? (body as BodyInit) : JSON.stringify(body) }),
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    })
  }

  async status(method: string, path: string, body?: unknown): Promise<number> {
    const answer = await this.ask(method, path, body)
    await answer.body?.cancel()
    return answer.status
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.ask(method, path, body)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  bring(parts: readonly SealedPart[]): Promise<Response> {
    return this.ask('POST', '/snapshots/parts', framesOf(parts))
  }

  async missing(parts: readonly SealedPart[]): Promise<PartId[]> {
    const body = { parts: parts.map(({ part }) => part) }
    return (await this.json<{ missing: PartId[] }>('POST', '/snapshots/parts/missing', body)).missing
  }
}
