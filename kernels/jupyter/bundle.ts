/** A MIME bundle of Jupyter as parts of an event: every representation is kept, the plain text last (JK9). */
import type { KernelPart } from '../wire/run-log.ts'

const binary = /^(?:image\/(?!svg\+xml)|audio\/|video\/|font\/|application\/(?:pdf|octet-stream|zip)(?:;|$))/

export function partsOf(bundle: Record<string, unknown>, displayBytes: number): KernelPart[] {
  const types = Object.keys(bundle).sort((a, b) => Number(a === 'text/plain') - Number(b === 'text/plain'))
  let room = displayBytes
  return types.map(mimeType => {
    const part = partOf(mimeType, bundle[mimeType])
    const bytes = bytesOf(part)
    if (bytes > room)
      return { mimeType: 'text/plain', data: `[${mimeType} of ${bytes} bytes is larger than a display may be]` }
    room -= bytes
    return part
  })
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
