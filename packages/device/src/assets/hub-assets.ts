/**
 * Uploads to the hub and downloads from it. What is not uploaded yet is remembered in the store until the hub has it.
 * An upload goes in pieces and on from where the hub says it stands, after a cut and after a restart of either side.
 */
import { openAsBlob } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asMeshError, type ErrorCode, isErrorCode, MeshError } from '@meshbook/core/errors.ts'
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
  /** Told why what waits does not get on; undefined once it does (DV73). */
  failing?(error: MeshError | undefined): void
  log: { warn(detail: object, message: string): void }
}

/** How long output waits for its picture to be at the hub. */
const arrivalMs = 2_000
/** The hub says that it goes on from another byte than we thought, so often in a row at most. */
const mostDetours = 5
/** What passes is a problem only after so many tries. */
const triesUntilTold = 3
const passing = new Set<ErrorCode>(['UNREACHABLE', 'TIMEOUT', 'SLOW_DOWN', 'TOO_MANY', 'SHUTTING_DOWN'])
const mostRefusalChars = 64 * 1024

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
    else this.#ports.failing?.(undefined)
  }

  fetch(asset: AssetId): Promise<Uint8Array> {
    return this.#downloads.fetch(asset)
  }

  /** The same for any size; `use` gets a file that is gone afterwards. */
  fetchFile<T>(asset: AssetId, maxBytes: number, use: (file: string) => Promise<T>): Promise<T> {
    return this.#downloads.take(asset, maxBytes, use)
  }

  received(asset: AssetId): Promise<number> {
    return this.#downloads.received(asset)
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
    const failed: MeshError[] = []
    for (const upload of await this.#ports.store.list()) {
      if (!this.#online) return
      try {
        await this.#upload(upload)
        this.#failures = 0
      } catch (thrown) {
        failed.push(failureOf(thrown))
        this.#ports.log.warn({ err: thrown, asset: upload.asset }, 'an asset could not be uploaded yet')
      }
    }
    if (failed.length > 0) this.#failures++
    if (this.#online) this.#tell(failed)
    if (failed.length === 0) return
    this.#again = true
    const { random, limits } = this.#ports
    const waitMs = backoffMs({
      attempt: this.#failures,
      minMs: limits.reconnectMinMs,
      maxMs: limits.reconnectMaxMs,
      random: () => random(1)[0]! / 256,
    })
    await sleep(waitMs, undefined, { ref: false, signal: this.#stop.signal }).catch(() => undefined)
  }

  #tell(failed: readonly MeshError[]): void {
    const refused = failed.find(({ code }) => !passing.has(code))
    const worst = refused ?? (this.#failures >= triesUntilTold ? failed[0] : undefined)
    const wait = failed.length === 1 ? '1 file waits' : `${failed.length} files wait`
    const detail = `${wait} to be uploaded to the hub${worst?.detail ? ` (${worst.detail})` : ''}`
    if (worst) this.#ports.failing?.(new MeshError(worst.code, { detail, cause: worst }))
    else if (failed.length === 0) this.#ports.failing?.(undefined)
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
    const told = response.headers.get('upload-offset')
    const isTaken = [201, 202, 204, 409].includes(response.status)
    if (!isTaken) throw await refusal(response)
    await response.body?.cancel()
    if (response.status === 201 || response.status === 204) return 'stored'
    if (told !== null) return Number(told)
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

/** What the hub says is wrong, if it is the hub that answers. */
async function refusal(response: Response): Promise<MeshError> {
  const told: unknown = await readShort(response)
    .then(JSON.parse)
    .catch(() => undefined)
  const { code, detail } = (typeof told === 'object' && told !== null ? told : {}) as Record<string, unknown>
  if (isErrorCode(code) && typeof detail === 'string') return new MeshError(code, { detail })
  return new MeshError('UNREACHABLE', { detail: `the hub answered ${response.status} to an upload` })
}

async function readShort(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > mostRefusalChars) break
  }
  return text
}

/** `fetch` throws these for a network that fails and for a time-out. */
function failureOf(thrown: unknown): MeshError {
  if (thrown instanceof TypeError || thrown instanceof DOMException)
    return new MeshError('UNREACHABLE', { detail: 'an upload was cut', cause: thrown })
  return asMeshError(thrown)
}
