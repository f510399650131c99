/** Several small files as one piece of bytes, in the order of their names. Pure. */
import * as v from 'valibot'
import { MalformedImage } from './wire-message.ts'

export interface PackedFile {
  name: string
  bytes: Buffer
}

const listSchema = v.array(v.tuple([v.string(), v.pipe(v.number(), v.safeInteger(), v.minValue(0))]))

export function pack(files: readonly PackedFile[]): Buffer {
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const list = Buffer.from(JSON.stringify(sorted.map(({ name, bytes }) => [name, bytes.length])))
  const head = Buffer.alloc(4)
  head.writeUInt32LE(list.length)
  return Buffer.concat([head, list, ...sorted.map(({ bytes }) => bytes)])
}

export function unpack(packed: Buffer): PackedFile[] {
  if (packed.length < 4) throw new MalformedImage('packed files are cut short')
  let at = 4 + packed.readUInt32LE(0)
  const files = listOf(packed.subarray(4, at)).map(([name, length]) => {
    const file = { name, bytes: packed.subarray(at, at + length) }
    at += length
    return file
  })
  if (at !== packed.length) throw new MalformedImage('packed files are not as long as they say')
  return files
}

function listOf(bytes: Buffer) {
  try {
    return v.parse(listSchema, JSON.parse(bytes.toString('utf8')))
  } catch {
    throw new MalformedImage('packed files have no list')
  }
}
