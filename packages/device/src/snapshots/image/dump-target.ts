/**
 * Which process is to be dumped, and from inside of which namespaces. CRIU dumps a tree whose root is the first process
 * of a pid namespace, or one that is in the pid namespace that CRIU itself is in; and it must see the same mounts.
 */
import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { basename } from 'node:path'

export interface DumpTarget {
  /** As this machine numbers it. */
  pid: number
  /** As CRIU has to be told. */
  criuPid: number
  /** What to put before CRIU's command. */
  enter: string[]
  ownNamespace: boolean
  /** Put before a path, it names the file that the process sees there. */
  root: string
}

/** The name of the script that looks after a restored session (`restore-init.pl`). */
export const initScript = 'restore-init.pl'

export async function dumpTarget(pid: number): Promise<DumpTarget | undefined> {
  const looked = await lookAfterOf(pid)
  if (looked !== undefined) {
    const restored = await numberedIn(pid, looked)
    return restored === undefined ? undefined : targetAt(restored)
  }
  const first = await firstOfNamespace(pid)
  return targetAt(first ?? pid)
}

async function targetAt(pid: number): Promise<DumpTarget | undefined> {
  const numbers = await numbersOf(pid)
  if (!numbers) return undefined
  const inner = numbers.at(-1)!
  const ownNamespace = numbers.length > 1 && inner === 1
  const isInside = numbers.length > 1 && !ownNamespace
  const otherMounts = (await readlink(`/proc/${pid}/ns/mnt`)) !== (await readlink('/proc/self/ns/mnt'))
  const flags = [...(otherMounts ? ['-m', '-r', '-w'] : []), ...(isInside ? ['-p'] : [])]
  const enter = flags.length === 0 ? [] : ['nsenter', '-t', String(pid), ...flags, '--']
  // Without mounts of its own the numbers of /proc are not those of its namespace.
  if (isInside && !otherMounts) return undefined
  return { pid, criuPid: isInside ? inner : pid, enter, ownNamespace, root: otherMounts ? `/proc/${pid}/root` : '' }
}

/** As every namespace numbers it, from the outermost on. */
async function numbersOf(pid: number): Promise<number[] | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => undefined)
  const line = status && /^NSpid:\s*(.*)$/m.exec(status)?.[1]
  return line ? line.trim().split(/\s+/).map(Number) : undefined
}

/** The number of the kernel in the namespace of a restored session, if `pid` is what looks after one. */
async function lookAfterOf(pid: number): Promise<number | undefined> {
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
  const at = words.findIndex(word => basename(word) === initScript)
  const number = Number(words[at + 1])
  return at > 0 && number > 0 ? number : undefined
}

/** `unshare` itself stays outside of the pid namespace that it makes. */
async function firstOfNamespace(pid: number): Promise<number | undefined> {
  for (const child of await childrenOf(pid)) {
    const numbers = await numbersOf(child)
    if (numbers && numbers.length > 1 && numbers.at(-1) === 1 && (await nameOf(pid)) === 'unshare') return child
  }
  return undefined
}

async function nameOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'latin1').catch(() => '')).trim()
}

async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '')
  return list.split(/\s+/).filter(Boolean).map(Number)
}

async function numberedIn(first: number, inner: number): Promise<number | undefined> {
  const space = await readlink(`/proc/${first}/ns/pid`).catch(() => undefined)
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || (await readlink(`/proc/${name}/ns/pid`).catch(() => '')) !== space) continue
    if ((await numbersOf(Number(name)))?.at(-1) === inner) return Number(name)
  }
  return undefined
}

/** Of the process and all below it, in bytes: what its image will have at most, roughly. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
  const own = Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
  const swapped = Number(/^VmSwap:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
  let sum = own + swapped
  for (const child of await childrenOf(pid)) sum += await residentBytes(child)
  return sum
}

/** Under which other paths a process sees a folder of ours: where one is mounted, as a restore does. */
export async function seenAs(pid: number, folder: string): Promise<string[]> {
  const [own, mounts] = await Promise.all([
    stat(folder).catch(() => undefined),
    readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => ''),
  ])
  if (!own) return []
  const found: string[] = []
  for (const line of mounts.split('\n').filter(Boolean)) {
    const [, , device, , path] = line.split(' ')
    if (device !== `${major(own.dev)}:${minor(own.dev)}` || path === undefined) continue
    const at = path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    const there = await stat(`/proc/${pid}/root${at}`).catch(() => undefined)
    if (there?.ino === own.ino && there.dev === own.dev && at !== folder) found.push(at)
  }
  return [...new Set(found)]
}

function major(device: number): number {
  return Number((BigInt(device) >> 8n) & 0xfffn)
}

function minor(device: number): number {
  return Number((BigInt(device) & 0xffn) | ((BigInt(device) >> 12n) & 0xfff00n))
}
