/** What a fetch asks for, in both versions of the protocol, read strictly (GT20, GT22). Pure. */
import { MeshError } from '@meshbook/core/errors.ts'
import { malformed, type Packet, readPackets } from './pkt-line.ts'

export type FetchRequest = { command: 'list' } | { command: 'fetch'; wants: string[] }

export function readFetchRequest(bytes: Buffer, version: 0 | 2, mostWants: number): FetchRequest {
  const lines = readPackets(bytes).flatMap(lineOf)
  if (version === 0) return { command: 'fetch', wants: wantsOf(lines, mostWants) }
  const command = lines[0]
  if (command === 'command=ls-refs') return { command: 'list' }
  if (command === 'command=fetch') return { command: 'fetch', wants: wantsOf(lines, mostWants) }
  throw malformed('a command that was not offered')
}

function lineOf(packet: Packet): string[] {
  return packet.kind === 'data' ? [packet.data.toString('latin1').replace(/\n$/, '')] : []
}

function wantsOf(lines: readonly string[], most: number): string[] {
  const wants = lines
    .filter(line => line.startsWith('want'))
    .map(line => {
      const found = /^want ([0-9a-f]{40})(?: .*)?$/.exec(line)?.[1]
      if (found === undefined) throw malformed('a want that is none')
      return found
    })
  if (wants.length > most) throw new MeshError('TOO_MANY', { detail: `${most} commits in one fetch` })
  return [...new Set(wants)]
}
