/** The blobs that go with a document while it changes its format: by the hash of their bytes, in memory. */
import { fromBase64, toBase64 } from 'lib0/buffer'
import { digest } from 'lib0/hash/sha256'
import type { AssetId } from '../ids.ts'
import { parseAssetId } from '../ids.ts'

export class AssetTable {
  readonly #bytes: Map<AssetId, Uint8Array>
  /** What was asked for and is not here. */
  readonly missing = new Set<AssetId>()

  constructor(known: Iterable<readonly [AssetId, Uint8Array]> = []) {
    this.#bytes = new Map(known)
  }

  put(bytes: Uint8Array): AssetId {
    const id = parseAssetId(`sha256-${Array.from(digest(bytes), byte => byte.toString(16).padStart(2, '0')).join('')}`)
    this.#bytes.set(id, bytes)
    return id
  }

  get(id: AssetId): Uint8Array | undefined {
    const bytes = this.#bytes.get(id)
    if (!bytes) this.missing.add(id)
    return bytes
  }

  has(id: AssetId): boolean {
    return this.#bytes.has(id)
  }

  get all(): ReadonlyMap<AssetId, Uint8Array> {
    return this.#bytes
  }
}

/** The bytes of base64 text in the one form that encoding them gives again; undefined for every other text. */
export function bytesOfBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const bytes = fromBase64(text)
  return toBase64(bytes) === text ? bytes : undefined
}

export { toBase64 as base64Of }

const starts: readonly (readonly [RegExp, string, string])[] = [
  [/^\x89PNG\r\n\x1a\n/, 'image/png', 'png'],
  [/^\xff\xd8\xff/, 'image/jpeg', 'jpg'],
  [/^GIF8[79]a/, 'image/gif', 'gif'],
  [/^RIFF[\s\S]{4}WEBP/, 'image/webp', 'webp'],
  [/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i, 'image/svg+xml', 'svg'],
]

/** What an image is by its first bytes, whatever it is called; undefined if it is none that a page may show. */
export function imageType(bytes: Uint8Array): { mimeType: string; extension: string } | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 512))
  const found = starts.find(([start]) => start.test(head))
  return found && { mimeType: found[1], extension: found[2] }
}

export function extensionOf(bytes: Uint8Array): string {
  return imageType(bytes)?.extension ?? (bytes[0] === 0x7b ? 'json' : 'bin')
}
