/**
 * Blobs made by runs on this device: stored here first, then uploaded to the hub as soon as it is in reach, and images
 * also put beside the notebook under `_assets/`. Knows nothing of runs or documents.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, isAssetId, type ProjectId, parseAssetId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { MimePart, RunEvent } from '@meshbook/core/run.ts'
import type { TextFiles } from '../projects/big-files.ts'
import type { Disk } from '../projects/disk.ts'
import { extensionOf, isTextType } from './mime-types.ts'
import { writeOnce } from './write-once.ts'

export interface AssetPorts {
  disk: Disk
  files: TextFiles
  folder: string
  limits: Limits
  /** Remembers that the hub is to get it; absent where there is no hub. */
  queue?: (asset: AssetId, mimeType: string, project?: ProjectId) => Promise<void>
  /** Resolves when the hub has it, or after a short while: a viewer should not look for it in vain. */
  arrived?: (asset: AssetId) => Promise<void>
}

export class AssetKeeper {
  readonly #ports: AssetPorts

  constructor(ports: AssetPorts) {
    this.#ports = ports
  }

  /** A displayed value with its images, and whatever is too large to stand in a document, as assets. */
  async slim(
    event: RunEvent,
    bytesOf: (id: AssetId) => Promise<Uint8Array>,
    projectFolder: string | undefined,
    project?: ProjectId,
    inlineBytes: number = this.#ports.limits.displayInlineBytes,
  ): Promise<RunEvent> {
    if (event.type !== 'display' && event.type !== 'result') return event
    const parts = await Promise.all(
      event.parts.map(part => this.#slimPart(part, bytesOf, projectFolder, project, inlineBytes)),
    )
    return { ...event, parts }
  }

  async #slimPart(
    part: MimePart,
    bytesOf: (id: AssetId) => Promise<Uint8Array>,
    projectFolder: string | undefined,
    project: ProjectId | undefined,
    inlineBytes: number,
  ): Promise<MimePart> {
    const isImage = part.mimeType.startsWith('image/')
    // The plain text is what the output block shows, whatever its size; the caps of that are its own.
    const isShort =
      part.at === 'inline' && (part.mimeType === 'text/plain' || Buffer.byteLength(part.data) <= inlineBytes)
    if (isShort && !isImage) return part
    const bytes = part.at === 'asset' ? await bytesOf(parseAssetId(part.asset)) : contentOf(part)
    if (bytes.byteLength > this.#ports.limits.displayBytes)
      return {
        at: 'inline',
        mimeType: 'text/plain',
        data: `[${part.mimeType} of ${bytes.byteLength} bytes is too large to show]`,
      }
    const asset = await this.keep(bytes, part.mimeType, project)
    if (isImage && projectFolder !== undefined) await this.#putBeside(projectFolder, asset, part.mimeType, bytes)
    const { width, height } = part
    return {
      at: 'asset',
      mimeType: part.mimeType,
      asset,
      bytes: bytes.byteLength,
      ...(width ? { width } : {}),
      ...(height ? { height } : {}),
    }
  }

  async keep(bytes: Uint8Array, mimeType: string, project?: ProjectId): Promise<AssetId> {
    const asset = nameOf(bytes)
    await writeOnce(this.#ports.disk, this.#ports.folder, asset, bytes)
    return this.#passOn(asset, mimeType, project)
  }

  /** Of bytes that have their name already, which nobody waits for at the hub; false if it is another's. */
  async keepNamed(asset: AssetId, bytes: Uint8Array, project: ProjectId): Promise<boolean> {
    if (nameOf(bytes) !== asset) return false
    await writeOnce(this.#ports.disk, this.#ports.folder, asset, bytes)
    await this.#ports.queue?.(asset, 'application/octet-stream', project)
    return true
  }

  async #passOn(asset: AssetId, mimeType: string, project?: ProjectId): Promise<AssetId> {
    await this.#ports.queue?.(asset, mimeType, project)
    await this.#ports.arrived?.(asset)
    return asset
  }

  /** Text of any length, of which only a piece at a time is in memory. Only one text is kept under one name at a time. */
  async keepText(
    name: string,
    pieces: AsyncIterable<Uint8Array>,
    project?: ProjectId,
  ): Promise<{ asset: AssetId; bytes: number }> {
    const { disk, files, folder } = this.#ports
    await disk.makeFolders(folder, false)
    const temporary = join(folder, `.text-${createHash('sha256').update(name).digest('hex')}.tmp`)
    try {
      const { asset, bytes } = await files.write(temporary, pieces)
      await disk.move(temporary, join(folder, asset))
      await disk.syncFolder(folder)
      return { asset: await this.#passOn(asset, 'text/plain', project), bytes }
    } finally {
      await disk.remove(temporary)
    }
  }

  read(asset: AssetId): Promise<Uint8Array> {
    if (!isAssetId(asset)) throw new MeshError('BAD_ID')
    return readFile(join(this.#ports.folder, asset))
  }

  /** A picture for programs that read the notebook as a file. That it cannot be written is no reason to lose the run. */
  async #putBeside(projectFolder: string, asset: AssetId, mimeType: string, bytes: Uint8Array): Promise<void> {
    try {
      await writeOnce(this.#ports.disk, join(projectFolder, '_assets'), `${asset}${extensionOf(mimeType)}`, bytes)
    } catch (thrown) {
      if (!['READ_ONLY_FOLDER', 'DISK_FULL', 'STORAGE_FAILED'].includes(asMeshError(thrown).code)) throw thrown
    }
  }
}

function nameOf(bytes: Uint8Array): AssetId {
  return parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)
}

function contentOf({ mimeType, data }: Extract<MimePart, { at: 'inline' }>): Uint8Array {
  return Buffer.from(data, isTextType(mimeType) ? 'utf8' : 'base64')
}
