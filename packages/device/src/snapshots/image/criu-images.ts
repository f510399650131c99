/**
 * What is read of CRIU's image files: which pages of which process lie where, which files the processes have open or
 * mapped, and the tree. Pure: it gets the bytes of a file. Whatever is not as expected throws MalformedImage.
 */
import { MalformedImage, readMessage, type WireFields, withField } from './wire-message.ts'

export const pageBytes = 4096
const commonMagic = 0x54564319
const serviceMagic = 0x55105940
const present = 4
const wordBytes = 4

/** The messages of an image file, without the marks at its beginning. */
export function messagesOf(bytes: Buffer): Buffer[] {
  if (bytes.length < wordBytes) throw new MalformedImage('an image is cut short')
  const first = bytes.readUInt32LE(0)
  const found: Buffer[] = []
  for (let at = first === commonMagic || first === serviceMagic ? 2 * wordBytes : wordBytes; at < bytes.length; ) {
    if (at + wordBytes > bytes.length) throw new MalformedImage('an image is cut short')
    const end = at + wordBytes + bytes.readUInt32LE(at)
    if (end > bytes.length) throw new MalformedImage('an image is cut short')
    found.push(bytes.subarray(at + wordBytes, end))
    at = end
  }
  return found
}

/** Pages that follow each other in memory and in the pages file. */
export interface PageRun {
  /** Address divided by the size of a page. */
  start: number
  count: number
  /** Number of its first page in the pages file. */
  at: number
}

export interface PageMap {
  pagesFile: string
  runs: PageRun[]
  pages: number
}

export function pageMapOf(bytes: Buffer): PageMap {
  const [head, ...entries] = messagesOf(bytes)
  const id = head && readMessage(head).number(1)
  if (id === undefined) throw new MalformedImage('an image of pages does not say where they are')
  const runs: PageRun[] = []
  let pages = 0
  for (const entry of entries) {
    const fields = readMessage(entry)
    const address = fields.number(1)
    const count = fields.number(5) ?? fields.number(2)
    if (address === undefined || count === undefined || address % pageBytes !== 0 || !Number.isSafeInteger(address))
      throw new MalformedImage('an image of pages has an entry that is not whole')
    const flags = fields.number(4)
    if (fields.number(3) === 1) throw new MalformedImage('an image of pages builds on another')
    if (flags !== undefined && (flags & present) === 0) continue
    const start = address / pageBytes
    const before = runs.at(-1)
    if (before && start < before.start + before.count) throw new MalformedImage('an image of pages is out of order')
    if (before && before.start + before.count === start) before.count += count
    else runs.push({ start, count, at: pages })
    pages += count
  }
  return { pagesFile: `pages-${id}.img`, runs, pages }
}

export interface NamedFile {
  id: number
  path: string
  /** As of `open`. */
  flags: number
  /** Absent for a file that is only appended to: what it was when it was dumped does not matter to who has it open. */
  size: number | undefined
  mode: number
}

const fileKinds = { regular: 1 } as const

/** Files with a name that the processes have open, mapped, or as their program. */
export function namedFilesOf(bytes: Buffer): NamedFile[] {
  return messagesOf(bytes).flatMap(message => {
    const entry = readMessage(message)
    const inner = entry.number(1) === fileKinds.regular ? entry.bytes(3) : undefined
    if (!inner) return []
    const fields = readMessage(inner)
    const path = fields.text(6)
    const id = fields.number(1)
    if (path === undefined || id === undefined) throw new MalformedImage('an image names a file without its path')
    return [
      {
        id,
        path: path.startsWith('/') ? path : `/${path}`,
        flags: fields.number(2) ?? 0,
        size: fields.number(8),
        mode: fields.number(10) ?? 0,
      },
    ]
  })
}

const accessMode = 3
const readOnly = 0

export const isWritable = (flags: number): boolean => (flags & accessMode) !== readOnly

/** Ids of files that have lost their name; what they hold is among the images. */
export function ghostsOf(bytes: Buffer): Set<number> {
  const fields = messagesOf(bytes).map(readMessage)
  return new Set(fields.filter(each => (each.number(3) ?? 0) === 1).map(each => each.number(1) ?? 0))
}

export interface MappedFiles {
  /** Ids of files that are mapped so that what is written there goes into the file. */
  shared: Set<number>
  /** Ids of the others, the program among them. */
  mapped: Set<number>
}

/** `status` of an area, as CRIU's image.h has it. */
const vmaFilePrivate = 1 << 6
const vmaFileShared = 1 << 7
const protWrite = 2

export function mappedFilesOf(bytes: Buffer): MappedFiles {
  const [message] = messagesOf(bytes)
  if (!message) throw new MalformedImage('an image of memory is empty')
  const memory = readMessage(message)
  const shared = new Set<number>()
  const mapped = new Set<number>()
  const program = memory.number(12)
  if (program !== undefined) mapped.add(program)
  for (const area of memory.messages(14).map(readMessage)) {
    const status = area.number(7) ?? 0
    const file = area.number(4) ?? 0
    if ((status & vmaFileShared) !== 0 && ((area.number(5) ?? 0) & protWrite) !== 0) shared.add(file)
    else if ((status & (vmaFilePrivate | vmaFileShared)) !== 0) mapped.add(file)
  }
  return { shared, mapped }
}

/** Ids of the files that a process has a descriptor of. */
export function openIdsOf(bytes: Buffer): number[] {
  return messagesOf(bytes)
    .map(readMessage)
    .filter(each => each.number(3) === fileKinds.regular)
    .map(each => each.number(1) ?? 0)
}

export interface TreeEntry {
  pid: number
  threads: number[]
}

/** The root is the first. */
export function treeOf(bytes: Buffer): TreeEntry[] {
  const tree = messagesOf(bytes).map(message => {
    const fields = readMessage(message)
    return { pid: fields.number(1) ?? 0, threads: fields.numbers(5) }
  })
  if (tree.length === 0) throw new MalformedImage('an image has no process')
  return tree
}

/** For how long the processes stood still, in milliseconds. */
export function frozenMsOf(bytes: Buffer): number {
  const [message] = messagesOf(bytes)
  const dump = message && readMessage(message).bytes(1)
  return dump ? (readMessage(dump).number(2) ?? 0) / 1000 : 0
}

export interface Connection {
  from: string
  to: string
  port: number
}

const inetKind = 2
const inetField = 4
const portField = 7
const tcp = 6
const udp = 17
const established = 1
const listening = 10
const ip4 = 2

/** Connections over TCP that were open. */
export function connectionsOf(bytes: Buffer): Connection[] {
  return messagesOf(bytes).flatMap(message => {
    const socket = inetSocketOf(message)
    if (!socket || socket.number(5) !== tcp || socket.number(6) !== established) return []
    return [{ from: addressIn(socket, 11), to: addressIn(socket, 12), port: socket.number(8) ?? 0 }]
  })
}

/** What a socket waits at for others. */
export interface BoundPlace {
  address: string
  port: number
  isTcp: boolean
}

/** Where the processes listen, each place once. */
export function boundPlacesOf(bytes: Buffer): BoundPlace[] {
  const found = messagesOf(bytes).flatMap(message => boundAt(inetSocketOf(message)) ?? [])
  return [...new Map(found.map(place => [placeKey(place), place])).values()]
}

/** The image with other ports for some of the places. */
export function withPorts(bytes: Buffer, ports: ReadonlyMap<string, number>): Buffer {
  const messages = messagesOf(bytes)
  const head = bytes.subarray(0, bytes.length - messages.reduce((sum, { length }) => sum + wordBytes + length, 0))
  const changed = messages.map(message => {
    const place = boundAt(inetSocketOf(message))
    const port = place && ports.get(placeKey(place))
    if (port === undefined) return message
    return withField(message, inetField, inner => withField(inner as Buffer, portField, () => port))
  })
  const framed = changed.flatMap(message => {
    const length = Buffer.alloc(wordBytes)
    length.writeUInt32LE(message.length)
    return [length, message]
  })
  return Buffer.concat([head, ...framed])
}

export const placeKey = ({ address, port, isTcp }: BoundPlace): string => `${isTcp ? 'tcp' : 'udp'} ${address} ${port}`

function inetSocketOf(message: Buffer): WireFields | undefined {
  const entry = readMessage(message)
  const inner = entry.number(1) === inetKind ? entry.bytes(inetField) : undefined
  return inner && readMessage(inner)
}

function boundAt(socket: WireFields | undefined): BoundPlace | undefined {
  const [protocol, port] = [socket?.number(5), socket?.number(portField) ?? 0]
  if (!socket || port === 0 || (protocol === tcp ? socket.number(6) !== listening : protocol !== udp)) return undefined
  return { address: addressIn(socket, 11), port, isTcp: protocol === tcp }
}

const addressIn = (socket: WireFields, field: number): string =>
  addressOf(socket.numbers(field), socket.number(3) === ip4)

/** Words in the order of the network, as this machine reads them. */
function addressOf(words: readonly number[], short: boolean): string {
  const bytes = words.flatMap(word => [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, (word >>> 24) & 255])
  if (short) return bytes.slice(0, 4).join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  )
  return groups.join(':')
}
