/**
 * A MIME bundle of Jupyter as parts of an event: every representation is kept, the plain text last, and with it the size
 * that it is meant to be shown in (JK9).
 */
import type { KernelPart } from '../wire/run-log.ts'

const mostPixels = 20_000

const binary = /^(?:image\/(?!svg\+xml)|audio\/|video\/|font\/|application\/(?:pdf|octet-stream|zip)(?:;|$))/

/** The metadata of a bundle, by MIME type. */
type Metadata = Record<string, unknown>

export function partsOf(bundle: Record<string, unknown>, displayBytes: number, metadata: Metadata = {}): KernelPart[] {
  const types = Object.keys(bundle).sort((a, b) => Number(a === 'text/plain') - Number(b === 'text/plain'))
  let room = displayBytes
  return types.map(mimeType => {
    const part = partOf(mimeType, bundle[mimeType])
    const bytes = bytesOf(part)
    if (bytes > room)
      return { mimeType: 'text/plain', data: `[${mimeType} of ${bytes} bytes is larger than a display may be]` }
    room -= bytes
    return { ...part, ...sizeOf(metadata[mimeType]) }
  })
}

/** What is no number of pixels is left out: a kernel may write any JSON there. */
function sizeOf(about: unknown): Pick<KernelPart, 'width' | 'height'> {
  const { width, height } = (typeof about === 'object' && about ? about : {}) as Record<string, unknown>
  return { ...(isPixels(width) && { width: rounded(width) }), ...(isPixels(height) && { height: rounded(height) }) }
}

const rounded = (pixels: number): number => Math.max(1, Math.round(pixels))

function isPixels(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= mostPixels
}

/** In a frame: what JSON makes of a text may be several times as long. */
function bytesOf({ data, base64 }: KernelPart): number {
  return base64 ? data.length : Buffer.byteLength(JSON.stringify(data))
}

function partOf(mimeType: string, value: unknown): KernelPart {
  const data = textOf(value)
  // Python's encoder ends base64 with a line break.
  if (binary.test(mimeType)) return { mimeType, data: data.replace(/\s+/g, ''), base64: true }
  return { mimeType, data: data.toWellFormed() }
}

/** In files a text may be a list of lines; everything that is neither is JSON. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const isLines = Array.isArray(value) && value.length > 0 && value.every(each => typeof each === 'string')
  return isLines ? value.join('') : JSON.stringify(value)
}
