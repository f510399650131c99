/**
 * What the processes of a session have that no saved state can bring back (SN97): connections to elsewhere, memory of a
 * graphics card, pipes and terminals whose other end is outside. Reading `/proc` is one half, understanding it the other.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { limits } from '@meshbook/core/limits.ts'
import type { LostItem } from '@meshbook/core/snapshot.ts'

export interface ProcessFacts {
  pid: number
  /** What each descriptor is (`pipe:[123]`), and its flags in octal. */
  descriptors: { target: string; flags: string }[]
  /** Files that are mapped. */
  mapped: string[]
}

export interface TreeFacts {
  processes: ProcessFacts[]
  /** `/proc/net/tcp` and `tcp6`, as the first of them sees it. */
  sockets: string
}

/** Where the kernel itself is spoken to: that connection is made anew. */
export interface OwnAddress {
  address: string
  port: number
}

const graphics = /^\/dev\/(nvidia\d|nvidia-uvm|kfd|dri\/)/
const graphicsLibrary = /\/lib(cuda|cudart|hsa-runtime64)\.so/
const established = '01'

export function whatIsLost({ processes, sockets }: TreeFacts, own: OwnAddress): LostItem[] {
  return [
    ...graphicsOf(processes),
    ...connectionsOf(processes, sockets, own),
    ...pipesOf(processes),
    ...terminalsOf(processes),
  ].slice(0, limits.snapshotLostItems)
}

function graphicsOf(processes: readonly ProcessFacts[]): LostItem[] {
  const uses = ({ descriptors, mapped }: ProcessFacts) =>
    descriptors.some(({ target }) => graphics.test(target)) || mapped.some(file => graphicsLibrary.test(file))
  if (!processes.some(uses)) return []
  return [{ name: 'graphics card', reason: 'what is in its memory is not saved; copy it into ordinary memory first' }]
}

interface Connection {
  inode: string
  local: string
  remote: string
}

/** Two ends within the session are saved together. */
function connectionsOf(processes: readonly ProcessFacts[], sockets: string, own: OwnAddress): LostItem[] {
  const inodes = new Set(targets(processes).flatMap(target => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
  const mine = connections(sockets).filter(({ inode }) => inodes.has(inode))
  const ends = new Set(mine.map(({ local, remote }) => `${local} ${remote}`))
  const ownEnd = `${own.address}:${own.port}`
  const outside = mine.filter(({ local, remote }) => local !== ownEnd && !ends.has(`${remote} ${local}`))
  return [...new Set(outside.map(({ remote }) => remote))].map(remote => ({
    name: `connection to ${remote}`,
    reason: 'an open connection ends when the session goes on elsewhere',
  }))
}

function connections(text: string): Connection[] {
  return text.split('\n').flatMap(line => {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/)
    if (state !== established || !local || !remote || !inode) return []
    return { inode, local: addressOf(local), remote: addressOf(remote) }
  })
}

/** `0100007F:1F90`: words of four bytes, the least significant byte first. */
export function addressOf(hex: string): string {
  const [address = '', port = ''] = hex.split(':')
  const bytes = (address.match(/.{8}/g) ?? []).flatMap(word => [...Buffer.from(word, 'hex')].reverse())
  return `${ipOf(bytes)}:${Number.parseInt(port, 16)}`
}

function ipOf(bytes: number[]): string {
  const last = bytes.slice(-4).join('.')
  const isMapped = bytes.length === 16 && bytes.slice(0, 10).every(byte => byte === 0) && bytes[10] === 255
  if (bytes.length === 4 || (isMapped && isIPv4(last))) return last
  const groups = bytes.flatMap((byte, at) => (at % 2 === 0 ? [((byte << 8) | bytes[at + 1]!).toString(16)] : []))
  return `[${groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]`
}

/** Of a pipe whose both ends are in the session nothing is lost. */
function pipesOf(processes: readonly ProcessFacts[]): LostItem[] {
  const ends = new Map<string, Set<'reads' | 'writes'>>()
  for (const { target, flags } of processes.flatMap(({ descriptors }) => descriptors)) {
    if (!target.startsWith('pipe:')) continue
    const mode = Number.parseInt(flags, 8) & 3
    const known = ends.get(target) ?? new Set()
    if (mode !== 1) known.add('reads')
    if (mode !== 0) known.add('writes')
    ends.set(target, known)
  }
  const open = [...ends].filter(([, end]) => end.size < 2)
  return open.map(([target, end]) => ({
    name: target,
    reason: `a pipe that something outside of the session ${end.has('reads') ? 'writes to' : 'reads from'}`,
  }))
}

function terminalsOf(processes: readonly ProcessFacts[]): LostItem[] {
  const all = targets(processes)
  const terminals = [...new Set(all.filter(target => /^\/dev\/(pts\/\d+|tty\d*)$/.test(target)))]
  if (all.some(target => target === '/dev/ptmx' || target === '/dev/pts/ptmx')) return []
  return terminals.map(name => ({ name, reason: 'a terminal that belongs to something outside of the session' }))
}

function targets(processes: readonly ProcessFacts[]): string[] {
  return processes.flatMap(({ descriptors }) => descriptors.map(({ target }) => target))
}

/** The process and all below it; empty where there is no `/proc`, or it has ended. */
export async function readTree(pid: number): Promise<TreeFacts> {
  const pids = await withDescendants(pid)
  const processes = await Promise.all(pids.map(readProcess))
  const tables = await Promise.all(['tcp', 'tcp6'].map(name => readText(`/proc/${pid}/net/${name}`)))
  return { processes, sockets: tables.join('\n') }
}

async function withDescendants(pid: number): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  const all = await Promise.all(
    names
      .filter(name => /^\d+$/.test(name))
      .map(async name => ({ pid: Number(name), parent: parentOf(await readText(`/proc/${name}/stat`)) })),
  )
  const found = new Set([pid])
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const each of all) if (found.has(each.parent)) found.add(each.pid)
  }
  return [...found]
}

function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

async function readProcess(pid: number): Promise<ProcessFacts> {
  const [names, maps] = await Promise.all([readdir(`/proc/${pid}/fd`).catch(() => []), readText(`/proc/${pid}/maps`)])
  const descriptors = await Promise.all(
    names.map(async name => ({
      target: await readlink(`/proc/${pid}/fd/${name}`).catch(() => ''),
      flags: /flags:\s*(\d+)/.exec(await readText(`/proc/${pid}/fdinfo/${name}`))?.[1] ?? '0',
    })),
  )
  const mapped = new Set(maps.split('\n').flatMap(line => /\s(\/.*)$/.exec(line)?.[1] ?? []))
  return { pid, descriptors, mapped: [...mapped] }
}

/** What has ended meanwhile has nothing. */
function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
