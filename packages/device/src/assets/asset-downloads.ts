/**
 * Blobs from the hub, a few at a time: what arrives is kept over cuts and restarts, goes on where it stopped, and is
 * looked at only when its hash is right.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { Turns } from '../projects/turns.ts'

export interface DownloadPorts {
  /** Where unfinished downloads wait. */
  folder: string
  limits: Limits
  get(asset: AssetId, headers: Record<string, string>): Promise<Response>
}

export class AssetDownloads {
  readonly #ports: DownloadPorts
  readonly #coming = new Map<AssetId, Promise<Uint8Array>>()
  /** One user of an unfinished download at a time. */
  readonly #parts = new Map<AssetId, { turns: Turns; users: number }>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(ports: DownloadPorts) {
    this.#ports = ports
  }

  /** Who asks for one that is on its way gets the same. Too many at once are refused: they are asked for again. */
  fetch(asset: AssetId): Promise<Uint8Array> {
    const known = this.#coming.get(asset)
    if (known) return known
    const coming = this.take(asset, this.#ports.limits.displayBytes, part => readFile(part)).finally(() =>
      this.#coming.delete(asset),
    )
    this.#coming.set(asset, coming)
    return coming
  }

  /** For any size: `use` gets the file with the checked bytes, which is gone afterwards. */
  take<T>(asset: AssetId, maxBytes: number, use: (part: string) => Promise<T>): Promise<T> {
    const turns = this.#parts.get(asset) ?? { turns: new Turns(), users: 0 }
    this.#parts.set(asset, turns)
    turns.users++
    const taken = turns.turns.take(() => this.#inTurn(() => this.#download(asset, maxBytes, use)))
    return taken.finally(() => {
      if (--turns.users === 0) this.#parts.delete(asset)
    })
  }

  /** How much of an unfinished download is here. */
  async received(asset: AssetId): Promise<number> {
    return (await stat(join(this.#ports.folder, asset)).catch(() => undefined))?.size ?? 0
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { assetDownloadsPerDevice, assetDownloadsWaitingPerDevice } = this.#ports.limits
    if (this.#waiting.length >= assetDownloadsWaitingPerDevice)
      throw new MeshError('TOO_MANY', { detail: 'downloads wait' })
    if (this.#running >= assetDownloadsPerDevice) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  async #download<T>(asset: AssetId, maxBytes: number, use: (part: string) => Promise<T>): Promise<T> {
    const part = join(this.#ports.folder, asset)
    await mkdir(this.#ports.folder, { recursive: true, mode: 0o700 })
    await this.#receive(asset, part, maxBytes)
    try {
      if ((await hashOf(part)) !== asset) throw new MeshError('STORAGE_FAILED', { detail: `what came is not ${asset}` })
      return await use(part)
    } finally {
      await rm(part, { force: true })
    }
  }

  async #receive(asset: AssetId, part: string, maxBytes: number): Promise<void> {
    const { get } = this.#ports
    const have = await this.received(asset)
    const response = await get(asset, have > 0 ? { range: `bytes=${have}-`, 'if-range': `"${asset}"` } : {})
    // All of it is here already, or more than there is: the hash decides.
    if (response.status === 416) return void (await response.body?.cancel())
    if (!response.ok) throw await refused(response, asset)
    const from = response.status === 206 ? have : 0
    const file = await open(part, from > 0 ? 'a' : 'w', 0o600)
    try {
      let bytes = from
      for await (const chunk of response.body ?? []) {
        bytes += chunk.byteLength
        if (bytes > maxBytes) throw new MeshError('TOO_LARGE', { detail: asset })
        await file.writeFile(chunk)
      }
    } finally {
      await file.close()
    }
  }
}

async function refused(response: Response, asset: AssetId): Promise<MeshError> {
  await response.body?.cancel()
  return new MeshError(response.status === 404 ? 'NOT_FOUND' : 'UNREACHABLE', {
    detail: `${asset} (${response.status})`,
  })
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return `sha256-${hash.digest('hex')}`
}
