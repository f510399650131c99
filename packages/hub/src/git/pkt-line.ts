/** Lines of git's wire protocol, read strictly and written (GT22). Pure. */
import { MeshError } from '@meshbook/core/errors.ts'

/** `flush` ends a section or the message, `delimiter` a part of it (protocol version 2). */
export type Packet = { kind: 'data'; data: Buffer } | { kind: 'flush' | 'delimiter' | 'end' }

const headBytes = 4
const mostBytes = 65_520

export const flush = Buffer.from('0000')

export function packet(data: string | Uint8Array): Buffer {
  const body = Buffer.from(data as Uint8Array)
  if (body.length === 0 || body.length + headBytes > mostBytes)
    throw new MeshError('INTERNAL', { detail: `a packet of ${body.length} bytes` })
  return Buffer.concat([Buffer.from((body.length + headBytes).toString(16).padStart(headBytes, '0')), body])
}

/** The packet at `from` and where the next one begins; null where more bytes are needed. */
export function readPacket(bytes: Buffer, from: number): { packet: Packet; next: number } | null {
  if (bytes.length < from + headBytes) return null
  const head = bytes.toString('latin1', from, from + headBytes)
  if (!/^[0-9a-fA-F]{4}$/.test(head)) throw malformed('a length that is no number')
  const length = Number.parseInt(head, 16)
  if (length < headBytes) {
    const kind = (['flush', 'delimiter', 'end'] as const)[length]
    if (!kind) throw malformed('a length of 3')
    return { packet: { kind }, next: from + headBytes }
  }
  if (length === headBytes || length > mostBytes) throw malformed(`a packet of ${length} bytes`)
  if (bytes.length < from + length) return null
  return { packet: { kind: 'data', data: bytes.subarray(from + headBytes, from + length) }, next: from + length }
}

/** All of a message that has nothing but packets. */
export function readPackets(bytes: Buffer): Packet[] {
  const packets: Packet[] = []
  for (let at = 0; at < bytes.length; ) {
    const found = readPacket(bytes, at)
    if (!found) throw malformed('it ends within a packet')
    packets.push(found.packet)
    at = found.next
  }
  return packets
}

/** On a band of their own, for clients that asked for it. */
export function onBand(band: 1 | 2 | 3, bytes: Buffer): Buffer {
  const most = 65_515
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += most)
    pieces.push(packet(Buffer.concat([Buffer.from([band]), bytes.subarray(at, at + most)])))
  return Buffer.concat(pieces)
}

export function malformed(detail: string): MeshError {
  return new MeshError('BAD_REQUEST', { detail: `this is not git's protocol: ${detail}` })
}
