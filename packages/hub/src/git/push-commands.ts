/** What a push asks for, read strictly, what of it is allowed, and the report of what became of it (GT21, GT22). Pure. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import { isBranch } from '@meshbook/core/task-events.ts'
import { flush, malformed, onBand, type Packet, packet, readPacket } from './pkt-line.ts'
import { zeroCommit } from './ref-list.ts'

export interface PushCommand {
  old: string
  new: string
  ref: string
}

export interface PushHead {
  commands: PushCommand[]
  capabilities: ReadonlySet<string>
  /** Where the pack begins. */
  end: number
}

export const pushCapabilities = ['report-status', 'delete-refs', 'side-band-64k', 'quiet', 'atomic', 'ofs-delta']
const valued = /^(?:agent|session-id|object-format)=[\x21-\x7e]{1,200}$/

interface HeadCaps {
  gitCommandsPerPush: number
  gitCommandBytes: number
}

/** Null where more bytes are needed. A message that only has a flush asks for nothing. */
export function readPushHead(bytes: Buffer, caps: HeadCaps): PushHead | null {
  const lines: Buffer[] = []
  for (let at = 0; ; ) {
    const found = readPacket(bytes, at)
    if ((found?.next ?? bytes.length) > caps.gitCommandBytes) throw new MeshError('TOO_LARGE', { detail: 'commands' })
    if (!found) return null
    at = found.next
    if (found.packet.kind === 'flush') return { ...parseCommands(lines), end: at }
    lines.push(dataOf(found.packet))
    if (lines.length > caps.gitCommandsPerPush)
      throw new MeshError('TOO_MANY', { detail: `${caps.gitCommandsPerPush} refs in one push` })
  }
}

function dataOf(packet: Packet): Buffer {
  if (packet.kind === 'data') return packet.data
  throw malformed(`a ${packet.kind} within a push`)
}

function parseCommands(lines: readonly Buffer[]): Pick<PushHead, 'commands' | 'capabilities'> {
  let capabilities: ReadonlySet<string> = new Set()
  const commands = lines.map((line, i) => {
    const nul = line.indexOf(0)
    if (nul >= 0 && i > 0) throw malformed('capabilities behind a later command')
    if (nul >= 0) capabilities = parseCapabilities(line.subarray(nul + 1))
    return parseCommand(nul < 0 ? line : line.subarray(0, nul))
  })
  if (new Set(commands.map(({ ref }) => ref)).size < commands.length) throw malformed('one ref twice')
  return { commands, capabilities }
}

function parseCapabilities(bytes: Buffer): ReadonlySet<string> {
  const words = bytes.toString('latin1').trim().split(' ').filter(Boolean)
  const unknown = words.find(word => !pushCapabilities.includes(word) && !valued.test(word))
  if (unknown !== undefined) throw malformed('a capability that was not offered')
  if (words.some(word => word.startsWith('object-format=') && word !== 'object-format=sha1'))
    throw malformed('hashes of another kind')
  return new Set(words)
}

function parseCommand(bytes: Buffer): PushCommand {
  const text = new TextDecoder('utf-8', { fatal: false }).decode(bytes).replace(/\n$/, '')
  const found = /^([0-9a-f]{40}) ([0-9a-f]{40}) (refs\/.+|HEAD)$/s.exec(text)
  if (!found) throw malformed('a command that is none')
  const [, old = '', next = '', ref = ''] = found
  if (ref.length > 1_000 || text.includes('\u{fffd}')) throw malformed('a name that is none')
  if (old === zeroCommit && next === zeroCommit) throw malformed('a command from nothing to nothing')
  return { old, new: next, ref }
}

/** Below it a task may push; to nothing else. */
export function prefixOf(task: RunId): string {
  if (!isBranch(`meshbook/${task}/x`))
    throw new MeshError('BAD_REQUEST', { detail: `${task} cannot be a part of a branch's name` })
  return `refs/heads/meshbook/${task}/`
}

/** Why it may not be done; null where it may. */
export function refusalOf({ ref, new: next }: PushCommand, task: RunId): string | null {
  const prefix = prefixOf(task)
  if (!ref.startsWith(prefix)) return `only branches below ${prefix.slice('refs/heads/'.length)} may be pushed`
  if (!isBranch(ref.slice('refs/heads/'.length))) return 'this is no name of a branch'
  return next === zeroCommit ? 'a branch of a task cannot be removed' : null
}

export interface PushReport {
  /** `ok`, or why nothing of the pack was taken. */
  unpack: string
  refs: { ref: string; refused: string | null }[]
}

/** Of `git receive-pack` without bands. */
export function parseReport(packets: readonly Packet[]): PushReport {
  const lines = packets.flatMap(found =>
    found.kind === 'data' ? [found.data.toString('utf8').replace(/\n$/, '')] : [],
  )
  const [first = '', ...rest] = lines
  if (!first.startsWith('unpack ')) throw new MeshError('INTERNAL', { detail: 'git reported nothing of the push' })
  const refs = rest.map(line => {
    const found = /^(?:ok (\S+)|ng (\S+) (.*))$/.exec(line)
    if (!found) throw new MeshError('INTERNAL', { detail: 'git reported something else of the push' })
    return found[1] === undefined ? { ref: found[2]!, refused: found[3]! } : { ref: found[1], refused: null }
  })
  return { unpack: first.slice('unpack '.length), refs }
}

export function reportBytes({ unpack, refs }: PushReport, capabilities: ReadonlySet<string>): Buffer {
  if (!capabilities.has('report-status')) return Buffer.alloc(0)
  const lines = [
    `unpack ${oneLine(unpack)}\n`,
    ...refs.map(({ ref, refused }) => (refused === null ? `ok ${ref}\n` : `ng ${ref} ${oneLine(refused)}\n`)),
  ]
  const report = Buffer.concat([...lines.map(packet), flush])
  return capabilities.has('side-band-64k') ? Buffer.concat([onBand(1, report), flush]) : report
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 300)
