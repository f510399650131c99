/** The little that a device must know about MIME types: which stand as text in an event, and what their files are called. */
export function isTextType(mimeType: string): boolean {
  return /^text\/|\+(?:json|xml)$|^application\/(?:json|javascript|xml)$/.test(mimeType)
}

const extensions = new Map([
  ['image/png', '.png'],
  ['image/jpeg', '.jpg'],
  ['image/gif', '.gif'],
  ['image/webp', '.webp'],
  ['image/svg+xml', '.svg'],
])

export function extensionOf(mimeType: string): string {
  return extensions.get(mimeType) ?? '.bin'
}

/** The ending for an image's bytes; undefined if they are none. */
export function sniffExtension(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 256)).toString('latin1')
  if (start.startsWith('\x89PNG')) return '.png'
  if (start.startsWith('\xff\xd8\xff')) return '.jpg'
  if (start.startsWith('GIF8')) return '.gif'
  if (start.startsWith('RIFF') && start.slice(8, 12) === 'WEBP') return '.webp'
  return /^\s*<(?:svg|\?xml)/i.test(start) ? '.svg' : undefined
}
