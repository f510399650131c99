/** An output on its way out of the page: onto the clipboard or into a file. */
import type { MimePart } from '@meshbook/core/run.ts'

const extensions: Record<string, string> = {
  'text/html': 'html',
  'text/markdown': 'md',
  'text/latex': 'tex',
  'text/plain': 'txt',
  'image/svg+xml': 'svg',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
}

export function fileNameOf({ mimeType }: MimePart): string {
  return `output.${extensions[mimeType] ?? (mimeType.endsWith('json') ? 'json' : 'bin')}`
}

const isPixels = ({ mimeType }: MimePart): boolean => /^image\/(?!svg)/.test(mimeType)

/** Of a type that no browser opens as a page, whatever it holds. */
export async function bytesOf(part: MimePart, urlOf: (asset: string) => string): Promise<Blob> {
  if (part.at === 'asset') {
    const response = await fetch(urlOf(part.asset))
    if (!response.ok) throw new Error('It is not on this hub (yet).')
    return response.blob()
  }
  if (!isPixels(part)) return new Blob([part.data], { type: 'application/octet-stream' })
  const bytes = Uint8Array.from(atob(part.data.replace(/[^A-Za-z0-9+/=]/g, '')), char => char.charCodeAt(0))
  return new Blob([bytes], { type: part.mimeType })
}

export async function copyText(part: MimePart, urlOf: (asset: string) => string): Promise<void> {
  await navigator.clipboard.writeText(part.at === 'inline' ? part.data : await (await bytesOf(part, urlOf)).text())
}

/** Clipboards take PNG alone, so any other is drawn as one. */
export async function copyImage(part: MimePart, urlOf: (asset: string) => string): Promise<void> {
  const bytes = await bytesOf(part, urlOf)
  const png = bytes.type === 'image/png' ? bytes : await drawnAsPng(bytes)
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })])
}

async function drawnAsPng(bytes: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(bytes)
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0)
  return canvas.convertToBlob({ type: 'image/png' })
}

export function download(url: string, name: string): void {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
}
