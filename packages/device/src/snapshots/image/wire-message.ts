/** Reads the fields of a protocol-buffer message, and replaces one: as much of that format as CRIU's images need. */

export interface WireFields {
  /** The last one counts, as the format says; undefined if there is none. */
  number(field: number): number | undefined
  bytes(field: number): Buffer | undefined
  text(field: number): string | undefined
  /** All of a repeated field, packed or not. */
  numbers(field: number): number[]
  messages(field: number): Buffer[]
}

interface Field {
  number: number
  value: number | Buffer
  /** As it stands in the message, with its key. */
  raw: Buffer
}

export class MalformedImage extends Error {}

/** Above 2^53 a number is only near to what it was; no address or size of an image is. */
export function readVarint(bytes: Buffer, at: number): { value: number; next: number } {
  let value = 0
  let scale = 1
  for (let next = at; next < bytes.length && next < at + 10; next++) {
    const byte = bytes[next]!
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return { value, next: next + 1 }
    scale *= 128
  }
  throw new MalformedImage('a number of an image has no end')
}

export function readMessage(bytes: Buffer): WireFields {
  const fields = [...fieldsOf(bytes)]
  const last = (field: number) => fields.findLast(each => each.number === field)?.value
  const all = (field: number) => fields.filter(each => each.number === field).map(each => each.value)
  return {
    number: field => {
      const value = last(field)
      return typeof value === 'number' ? value : undefined
    },
    bytes: field => {
      const value = last(field)
      return typeof value === 'object' ? value : undefined
    },
    text: field => {
      const value = last(field)
      return typeof value === 'object' ? value.toString('utf8') : undefined
    },
    numbers: field => all(field).flatMap(value => (typeof value === 'number' ? [value] : packed(value))),
    messages: field => all(field).filter(value => typeof value === 'object'),
  }
}

function* fieldsOf(bytes: Buffer): Generator<Field> {
  for (let at = 0; at < bytes.length; ) {
    const key = readVarint(bytes, at)
    const number = Math.floor(key.value / 8)
    const { value, next } = readValue(bytes, key.next, key.value % 8)
    yield { number, value, raw: bytes.subarray(at, next) }
    at = next
  }
}

/** The message with every field of that number as `value` makes it. */
export function withField(bytes: Buffer, field: number, value: (was: number | Buffer) => number | Buffer): Buffer {
  return Buffer.concat(
    [...fieldsOf(bytes)].map(each => (each.number === field ? fieldBytes(field, value(each.value)) : each.raw)),
  )
}

function fieldBytes(field: number, value: number | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(field * 8), varint(value)])
  return Buffer.concat([varint(field * 8 + 2), varint(value.length), value])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}

function readValue(bytes: Buffer, at: number, kind: number): { value: number | Buffer; next: number } {
  if (kind === 0) return readVarint(bytes, at)
  if (kind === 1) return { value: Number(slice(bytes, at, 8).readBigUInt64LE(0)), next: at + 8 }
  if (kind === 5) return { value: slice(bytes, at, 4).readUInt32LE(0), next: at + 4 }
  if (kind !== 2) throw new MalformedImage('a field of an image is of a kind that there is not')
  const length = readVarint(bytes, at)
  return { value: slice(bytes, length.next, length.value), next: length.next + length.value }
}

function slice(bytes: Buffer, at: number, length: number): Buffer {
  if (at + length > bytes.length) throw new MalformedImage('an image is cut short')
  return bytes.subarray(at, at + length)
}

function packed(bytes: Buffer): number[] {
  const found: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const { value, next } = readVarint(bytes, at)
    found.push(value)
    at = next
  }
  return found
}
