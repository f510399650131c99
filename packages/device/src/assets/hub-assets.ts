/** Uploads to the hub and downloads from it. What is not uploaded yet is remembered in the store until the hub has it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceKey } from '../device-key.ts'
import type { AssetUpload } from '../store/asset-uploads.ts'

export interface HubAssetPorts {
  url: string
  key: DeviceKey
  now: Now
  random: RandomBytes
  limits: Limits
  read(asset: AssetId): Promise<Uint8Array>
  store: {
    queue(upload: AssetUpload): Promise<void>
    done(asset: AssetId): Promise<void>
    list(): Promise<AssetUpload[]>
  }
  log: { warn(detail: object, message: string): void }
}

/** How long output waits for its picture to be at the hub. */
const arrivalMs = 2_000
const retryMs = 5_000

export class HubAssets {
  readonly #ports: HubAssetPorts
  readonly #waiting = new Map<AssetId, PromiseWithResolvers<void>>()
  #online = false
  #work: Promise<void> | undefined
  #again = false
  readonly #stop = new AbortController()

  constructor(ports: HubAssetPorts) {
    this.#ports = ports
  }

  async queue(asset: AssetId, mimeType: string): Promise<void> {
    await this.#ports.store.queue({ asset, mimeType })
    if (this.#online && !this.#waiting.has(asset)) this.#waiting.set(asset, Promise.withResolvers())
    this.#kick()
  }

  /** Resolves when the hub has it, or when that takes too long for a viewer to wait. */
  async arrived(asset: AssetId): Promise<void> {
    const waiting = this.#waiting.get(asset)
    if (waiting) await Promise.race([waiting.promise, sleep(arrivalMs, undefined, { ref: false })])
  }

  setOnline(online: boolean): void {
    this.#online = online
    if (online) this.#kick()
  }

  async fetch(asset: AssetId): Promise<Uint8Array> {
    const response = await this.#request('GET', asset)
    if (!response.ok)
      throw new MeshError(response.status === 404 ? 'NOT_FOUND' : 'UNREACHABLE', {
        detail: `${asset} (${response.status})`,
      })
    if (Number(response.headers.get('content-length') ?? 0) > this.#ports.limits.displayBytes)
      throw new MeshError('TOO_LARGE', { detail: asset })
    return response.bytes()
  }

  async close(): Promise<void> {
    this.#online = false
    this.#stop.abort(new MeshError('SHUTTING_DOWN'))
    await this.#work
  }

  #kick(): void {
    this.#again = true
    if (!this.#online || this.#work) return
    this.#work = this.#uploadAll().finally(() => {
      this.#work = undefined
      if (this.#again && this.#online) this.#kick()
    })
  }

  async #uploadAll(): Promise<void> {
    this.#again = false
    for (const upload of await this.#ports.store.list()) {
      if (!this.#online) return
      try {
        await this.#upload(upload)
      } catch (thrown) {
        this.#ports.log.warn({ err: thrown, asset: upload.asset }, 'an asset could not be uploaded yet')
        await sleep(retryMs, undefined, { ref: false, signal: this.#stop.signal }).catch(() => undefined)
        this.#again = true
      }
    }
  }

  async #upload({ asset, mimeType }: AssetUpload): Promise<void> {
    const response = await this.#request('PUT', asset, { body: Buffer.from(await this.#ports.read(asset)), mimeType })
    await response.body?.cancel()
    if (!response.ok) throw new MeshError('UNREACHABLE', { detail: `the hub answered ${response.status} to an upload` })
    await this.#ports.store.done(asset)
    this.#waiting.get(asset)?.resolve()
    this.#waiting.delete(asset)
  }

  #request(
    method: 'GET' | 'PUT',
    asset: AssetId,
    content?: { body: Buffer<ArrayBuffer>; mimeType: string },
  ): Promise<Response> {
    const { url: hub, key, now, random, limits } = this.#ports
    const url = new URL(`/api/v1/assets/${asset}`, hub)
    const authorization = key.proof(url.host, now(), random)
    const headers = content ? { authorization, 'content-type': content.mimeType } : { authorization }
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(limits.requestMs)])
    return fetch(url, { method, headers, signal, redirect: 'error', ...(content ? { body: content.body } : {}) })
  }
}
