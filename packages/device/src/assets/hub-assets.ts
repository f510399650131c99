/**
 * Uploads to the hub and downloads from it. What is not uploaded yet is remembered in the store until the hub has it.
 * An upload goes in pieces and on from where the hub says it stands, after a cut and after a restart of either side.
 */
import { openAsBlob } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, Now, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import type { DeviceKey } from '../device-key.ts'
import type { AssetUpload } from '../store/asset-uploads.ts'
import { AssetDownloads } from './asset-downloads.ts'
import type { StagedFiles } from './staged-files.ts'

export interface HubAssetPorts {
  url: string
  key: DeviceKey
  now: Now
  random: RandomBytes
  limits: Limits
  /** Where this device keeps its own. */
  folder: string
  /** Copies of files that are only kept until the hub has them. */
  staged?: Pick<StagedFiles, 'find' | 'remove'>
  /** Where unfinished downloads wait. */
  downloads: string
  store: {
    queue(upload: AssetUpload): Promise<void>
    done(asset: AssetId): Promise<void>
    list(): Promise<AssetUpload[]>
  }
  log: { warn(detail: object, message: string): void }
}

/** How long output waits for its picture to be at the hub. */
const arrivalMs = 2_000
/** The hub says that it goes on from another byte than we thought, so often in a row at most. */
const mostDetours = 5

export class HubAssets {
  readonly #ports: HubAssetPorts
  readonly #waiting = new Map<AssetId, PromiseWithResolvers<void>>()
  #online = false
  #work: Promise<void> | undefined
  #again = false
  #failures = 0
  readonly #stop = new AbortController()
  readonly #downloads: AssetDownloads

  constructor(ports: HubAssetPorts) {
    this.#ports = ports
    const get = (asset: AssetId, headers: Record<string, string>) => this.#request('GET', asset, { headers })
    this.#downloads = new AssetDownloads({ folder: ports.downloads, limits: ports.limits, get })
  }

  async queue(asset: AssetId, mimeType: string, project?: ProjectId): Promise<void> {
    await this.#ports.store.queue({ asset, mimeType, project })
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

  fetch(asset: AssetId): Promise<Uint8Array> {
    return this.#downloads.fetch(asset)
  }

  /** The same for any size; `use` gets a file that is gone afterwards. */
  fetchFile<T>(asset: AssetId, maxBytes: number, use: (file: string) => Promise<T>): Promise<T> {
    return this.#downloads.take(asset, maxBytes, use)
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

  /** One that fails does not hold up the others; then all that are left wait, longer each time. */
  async #uploadAll(): Promise<void> {
    this.#again = false
    let failed = false
    for (const upload of await this.#ports.store.list()) {
      if (!this.#online) return
      try {
        await this.#upload(upload)
        this.#failures = 0
      } catch (thrown) {
        failed = true
        this.#ports.log.warn({ err: thrown, asset: upload.asset }, 'an asset could not be uploaded yet')
      }
    }
    if (!failed) return
    this.#again = true
    const { random, limits } = this.#ports
    const waitMs = backoffMs({
      attempt: ++this.#failures,
      minMs: limits.reconnectMinMs,
      maxMs: limits.reconnectMaxMs,
      random: () => random(1)[0]! / 256,
    })
    await sleep(waitMs, undefined, { ref: false, signal: this.#stop.signal }).catch(() => undefined)
  }

  async #upload({ asset, project }: AssetUpload): Promise<void> {
    const { staged, folder } = this.#ports
    let offset = await this.#offset(asset, project)
    const file = offset === 'stored' ? new Blob() : await openAsBlob((await staged?.find(asset)) ?? join(folder, asset))
    for (let detours = 0; offset !== 'stored'; ) {
      const next = await this.#send(asset, file, offset, project)
      if (next !== 'stored' && next <= offset && ++detours > mostDetours)
        throw new MeshError('UNREACHABLE', { detail: 'an upload does not get on' })
      offset = next
    }
    await this.#ports.store.done(asset)
    await staged?.remove(asset)
    this.#waiting.get(asset)?.resolve()
    this.#waiting.delete(asset)
  }

  async #offset(asset: AssetId, project: ProjectId | undefined): Promise<number | 'stored'> {
    const head = await this.#request('HEAD', asset, { project })
    if (head.ok) return 'stored'
    if (head.status !== 404) throw new MeshError('UNREACHABLE', { detail: `the hub answered ${head.status}` })
    return Number(head.headers.get('upload-offset') ?? 0)
  }

  /** The next piece; where the hub goes on then. */
  async #send(asset: AssetId, file: Blob, offset: number, project: ProjectId | undefined): Promise<number | 'stored'> {
    const end = Math.min(file.size, offset + this.#ports.limits.objectPartBytes)
    const headers = {
      'upload-offset': String(offset),
      'upload-length': String(file.size),
      'content-type': 'application/octet-stream',
    }
    const response = await this.#request('PUT', asset, { headers, project, body: file.slice(offset, end) })
    await response.body?.cancel()
    if (response.status === 201 || response.status === 204) return 'stored'
    const told = response.headers.get('upload-offset')
    if ((response.status === 202 || response.status === 409) && told !== null) return Number(told)
    throw new MeshError('UNREACHABLE', { detail: `the hub answered ${response.status} to an upload` })
  }

  #request(
    method: 'GET' | 'HEAD' | 'PUT',
    asset: AssetId,
    { headers = {}, body, project }: { headers?: Record<string, string>; body?: Blob; project?: ProjectId | undefined },
  ): Promise<Response> {
    const { url: hub, key, now, random, limits } = this.#ports
    const url = new URL(`/api/v1/assets/${asset}`, hub)
    if (project !== undefined) url.searchParams.set('project', project)
    const authorization = key.proof(url.host, now(), random)
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(limits.requestMs)])
    return fetch(url, {
      method,
      headers: { ...headers, authorization },
      signal,
      redirect: 'error',
      ...(body ? { body } : {}),
    })
  }
}
