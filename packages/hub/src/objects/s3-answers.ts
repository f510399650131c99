/** The few answers of an S3 service that are read. Pure. Its XML is flat and machine-made, so tags are found by name. */
import type { ObjectEntry } from './object-store.ts'

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));/g,
    (all, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return entities[name] ?? all
      const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex!, 16)
      return code <= 0x10ffff ? String.fromCodePoint(code) : all
    },
  )
}

export function tagOf(xml: string, tag: string): string | undefined {
  const text = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1]
  return text === undefined ? undefined : unescaped(text)
}

/** `SignatureDoesNotMatch` and the like; empty if there is none. */
export function errorCodeOf(xml: string): string {
  return /<Error>/.test(xml) ? (tagOf(xml, 'Code') ?? '').replace(/\W/g, '').slice(0, 60) : ''
}

export function listOf(xml: string, prefix: string): { objects: ObjectEntry[]; more: boolean } {
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, entry = '']) => {
    const key = tagOf(entry, 'Key')
    return key?.startsWith(prefix) ? [{ name: key.slice(prefix.length), bytes: Number(tagOf(entry, 'Size') ?? 0) }] : []
  })
  return { objects, more: tagOf(xml, 'IsTruncated') === 'true' }
}

/** The body that puts the parts of an upload together. */
export function completionOf(tags: readonly string[]): string {
  const parts = tags.map(
    (tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag.replace(/[&<>]/g, '')}</ETag></Part>`,
  )
  return `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
}
