/** The type under which a blob may be served, from its first bytes: images that a browser cannot run, else plain bytes. */
const octets = 'application/octet-stream'

export function sniffType(head: Uint8Array): string {
  const hex = Buffer.from(head.subarray(0, 16)).toString('hex')
  if (hex.startsWith('89504e470d0a1a0a')) return 'image/png'
  if (hex.startsWith('ffd8ff')) return 'image/jpeg'
  if (/^474946383[79]61/.test(hex)) return 'image/gif'
  if (/^52494646.{8}57454250/.test(hex)) return 'image/webp'
  const text = Buffer.from(head.subarray(0, 512)).toString('latin1')
  return /^\s*(<\?xml[^>]*>\s*)?(<!--[^>]*-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i.test(text)
    ? 'image/svg+xml'
    : octets
}
