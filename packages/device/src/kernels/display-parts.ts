/** Turns what a kernel displays into parts of an event: small ones inline, large ones as files named by their hash. */
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type AssetId, parseAssetId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { type MimePart, mimePartSchema } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import { writeWhole } from './files.ts'
import type { KernelPart } from './kernel-client.ts'

export class DisplayParts {
  #folder: string
  #limits: Limits

  constructor(folder: string, limits: Limits) {
    this.#folder = folder
    this.#limits = limits
  }

  /** Each part is durable when the promise resolves. Parts with a broken type, or larger than allowed, are left out. */
  async convert(parts: KernelPart[]): Promise<MimePart[]> {
    const converted: MimePart[] = []
    for (const part of parts) {
      const made = await this.#part(part)
      const parsed = made && v.safeParse(mimePartSchema, made)
      if (parsed?.success) converted.push(parsed.output)
    }
    return converted
  }

  async #part({ mimeType, data, base64, width, height }: KernelPart): Promise<MimePart | undefined> {
    const { displayInlineBytes, displayBytes, runEventBytes } = this.#limits
    const size = { ...(width ? { width } : {}), ...(height ? { height } : {}) }
    const bytes = Buffer.from(data, base64 ? 'base64' : 'utf8')
    // The plain text is what a document shows where it can show nothing else, so it stands in the event.
    if (mimeType === 'text/plain')
      return { at: 'inline', mimeType, data: data.slice(0, runEventBytes / 4).toWellFormed() }
    if (bytes.length <= displayInlineBytes) return { at: 'inline', mimeType, data: data.toWellFormed(), ...size }
    if (bytes.length > displayBytes) {
      return {
        at: 'inline',
        mimeType: 'text/plain',
        data: `[${mimeType} of ${bytes.length} bytes is larger than allowed]`,
      }
    }
    return { at: 'asset', mimeType, asset: await this.#store(bytes), bytes: bytes.length, ...size }
  }

  async #store(bytes: Buffer): Promise<AssetId> {
    const id = parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const path = join(this.#folder, id)
    const known = await access(path).then(
      () => true,
      () => false,
    )
    if (!known) await writeWhole(path, bytes)
    return id
  }

  async remove(ids: Iterable<AssetId>): Promise<void> {
    for (const id of ids) await rm(join(this.#folder, id), { force: true })
  }
}

export function readAsset(folder: string, id: AssetId): Promise<Uint8Array> {
  return readFile(join(folder, parseAssetId(id)))
}
