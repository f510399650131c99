/**
 * Uploads that come in pieces, over cut connections and restarts: the row in the store says how far each is, the file
 * has at least so much, and the finished file becomes the asset's object. One request at a time works on an upload; a
 * newer one ends the older.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, base32, type Now, type OrgId, type RandomBytes, type UserId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { collect, type ObjectStore } from '../objects/object-store.ts'
import type { UploadRow } from '../store/assets.ts'
import type { HubStore } from '../store/hub-store.ts'
import { storageError } from '../store/storage-error.ts'
import { sniffType } from './sniff-type.ts'
import { UploadFile } from './upload-file.ts'

export interface AssetUploadPorts {
  folder: string
  objects: ObjectStore
  store: HubStore
  now: Now
  random: RandomBytes
  limits: Limits
}

export interface UploadOwner {
  org: OrgId
  user: UserId
}

/** A piece of an asset, as a request announces it. */
export interface Piece {
  /** Undefined: the whole asset from its beginning, whatever came before. */
  from: number | undefined
  /** Size of the whole, where it is told. */
  total: number | undefined
  /** The end of the body is the end of the asset. */
  last: boolean
}

export type Received = { stored: true } | { stored: false; offset: number }

interface Turn {
  cut: AbortController
  ended: Promise<void>
}

const sniffBytes = 512

export class AssetUploads {
  readonly #ports: AssetUploadPorts
  readonly #turns = new Map<string, Turn>()

  private constructor(ports: AssetUploadPorts) {
    this.#ports = ports
  }

  /** Goes on where the last process was ended: what had become an object is an asset, files of nobody are removed. */
  static async open(ports: AssetUploadPorts): Promise<AssetUploads> {
    await mkdir(ports.folder, { recursive: true, mode: 0o700 })
    const uploads = new AssetUploads(ports)
    const rows = await ports.store.query('listAssetUploads', { touchedBefore: Number.MAX_SAFE_INTEGER })
    const known = new Set<string>(rows.map(({ upload }) => upload))
    for (const name of await readdir(ports.folder)) if (!known.has(name)) await rm(join(ports.folder, name))
    for (const row of rows) await uploads.#recover(row)
    return uploads
  }

  /** How much of an asset that is not there yet this user has sent. */
  async offset(owner: UploadOwner, asset: AssetId): Promise<number> {
    const row = await this.#ports.store.query('findUpload', { ...owner, asset })
    return row ? Math.min(row.received, (await sizeOf(this.#fileOf(row))) ?? 0) : 0
  }

  /** Throws CONFLICT for a piece beyond the offset; HEAD tells where to go on. */
  async receive(
    owner: UploadOwner,
    asset: AssetId,
    piece: Piece,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Received> {
    const { limits } = this.#ports
    const announced = piece.total ?? piece.from ?? 0
    if (announced > limits.assetBytes) throw tooLarge(limits.assetBytes)
    return this.#alone(`${owner.org}/${owner.user}/${asset}`, signal, async cut => {
      const row = await this.#begin(owner, asset, piece)
      try {
        return await this.#take(row, piece, chunks, cut)
      } catch (thrown) {
        if (wrongBytes.has(asMeshError(thrown).code)) await this.#drop(row)
        throw storageError(thrown)
      }
    })
  }

  /** Drops what nobody went on with (AS5); returns how many. */
  async expire(): Promise<number> {
    const { store, now, limits } = this.#ports
    const rows = await store.query('listAssetUploads', { touchedBefore: now() - limits.assetUploadIdleMs })
    const idle = rows.filter(row => !this.#turns.has(keyOf(row)))
    for (const row of idle) await this.#drop(row)
    return idle.length
  }

  async close(): Promise<void> {
    const turns = [...this.#turns.values()]
    for (const { cut } of turns) cut.abort(new MeshError('SHUTTING_DOWN'))
    await Promise.all(turns.map(({ ended }) => ended))
  }

  async #alone<T>(key: string, signal: AbortSignal, work: (cut: AbortSignal) => Promise<T>): Promise<T> {
    for (let older = this.#turns.get(key); older; older = this.#turns.get(key)) {
      older.cut.abort(new MeshError('CONFLICT', { detail: 'a newer request goes on with this upload' }))
      await older.ended
    }
    const cut = new AbortController()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    this.#turns.set(key, { cut, ended })
    try {
      return await work(AbortSignal.any([signal, cut.signal]))
    } finally {
      this.#turns.delete(key)
      resolve()
    }
  }

  #begin(owner: UploadOwner, asset: AssetId, { total }: Piece): Promise<UploadRow> {
    const { store, now, random } = this.#ports
    const upload = base32(random(16))
    const hex = asset.slice('sha256-'.length)
    const object = `${owner.org}/${hex.slice(0, 2)}/${hex}.${upload}`
    return store.call('beginUpload', {
      ...owner,
      asset,
      upload,
      object,
      total: total ?? null,
      caps: this.#caps(),
      now: now(),
    })
  }

  async #take(row: UploadRow, piece: Piece, chunks: AsyncIterable<Uint8Array>, cut: AbortSignal): Promise<Received> {
    const file = await UploadFile.open(this.#fileOf(row), piece.from === undefined ? 0 : row.received)
    try {
      const from = piece.from ?? 0
      if (from > file.received)
        throw new MeshError('CONFLICT', { detail: `this upload goes on at byte ${file.received}` })
      await this.#append(row, file, { ...piece, from }, abortable(chunks, cut), cut)
      const whole = row.total === null ? piece.last : file.received === row.total
      if (!whole && piece.last && row.total !== null)
        throw new MeshError('BAD_REQUEST', { detail: `${file.received} of ${row.total} bytes came` })
      if (whole) await this.#finish({ ...row, received: file.received }, await file.head(sniffBytes))
      return whole ? { stored: true } : { stored: false, offset: file.received }
    } finally {
      await file.close()
    }
  }

  #append(
    row: UploadRow,
    file: UploadFile,
    { from }: Piece & { from: number },
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, limits, now } = this.#ports
    const most = Math.min(row.total ?? limits.assetBytes, limits.assetBytes)
    return file.append(chunks, {
      from,
      mostBytes: most,
      excess: () =>
        row.total === null
          ? tooLarge(limits.assetBytes)
          : new MeshError('BAD_REQUEST', { detail: `there are more than the ${row.total} bytes announced` }),
      checkpointBytes: limits.assetCheckpointBytes,
      signal,
      checkpoint: received => store.call('saveUpload', { ...row, received, caps: this.#caps(), now: now() }),
    })
  }

  async #finish(row: UploadRow, head: Uint8Array): Promise<void> {
    const { objects, store, now } = this.#ports
    const digest = { bytes: row.received, sha256: row.asset.slice('sha256-'.length) }
    await objects.adopt(row.object, this.#fileOf(row), digest)
    await store.call('finishUpload', { ...row, bytes: row.received, mimeType: sniffType(head), now: now() })
  }

  /** The bytes were checked before they got the object's name, so an object that is there is the asset. */
  async #recover(row: UploadRow): Promise<void> {
    const { objects, store, now } = this.#ports
    if ((await sizeOf(this.#fileOf(row))) !== undefined) return
    const found = await objects.head(row.object)
    if (!found) return
    const end = Math.min(sniffBytes, found.bytes) - 1
    const head =
      end < 0 ? new Uint8Array() : await collect(await objects.get(row.object, { start: 0, end }), sniffBytes)
    await store.call('finishUpload', { ...row, bytes: found.bytes, mimeType: sniffType(head), now: now() })
  }

  async #drop(row: UploadRow): Promise<void> {
    await this.#ports.store.call('dropUpload', { ...row, now: this.#ports.now() })
    await rm(this.#fileOf(row), { force: true })
  }

  #fileOf({ upload }: UploadRow): string {
    return join(this.#ports.folder, upload)
  }

  #caps(): { perUser: number; perOrgBytes: number } {
    const { assetUploadsPerUser: perUser, assetBytesPerOrg: perOrgBytes } = this.#ports.limits
    return { perUser, perOrgBytes }
  }
}

/** After these nothing that was sent can be of use. */
const wrongBytes = new Set(['BAD_REQUEST', 'TOO_LARGE', 'QUOTA_USED'])

const keyOf = ({ org, user, asset }: UploadRow): string => `${org}/${user}/${asset}`

function tooLarge(mostBytes: number): MeshError {
  return new MeshError('TOO_LARGE', { detail: `an asset may have ${mostBytes} bytes` })
}

/**
 * Chunks until the signal is aborted, also while the next one is waited for. Each wait has a promise of its own: one that
 * lives as long as the upload would keep every chunk that was ever raced against it.
 */
async function* abortable(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  let giveUp: (reason: unknown) => void = () => undefined
  const stop = () => giveUp(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject
        iterator.next().then(resolve, reject)
      })
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', stop)
    iterator.return?.().catch(() => undefined)
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw storageError(error)
  })
  return found?.size
}
