/** Reads what strace wrote (`-f -y -xx`) into events of the files below some folders. It must not know what they mean. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { DiskEvent } from './disk-event.ts'

export const tracedCalls =
  'openat,pwrite64,write,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,writev,pwritev,pwritev2,copy_file_range,sendfile,fallocate'
/** Ways of writing that none of our programs uses; the model would not see them. */
const unknown = new Set(['writev', 'pwritev', 'pwritev2', 'copy_file_range', 'sendfile', 'fallocate'])

export interface TraceOptions {
  roots: readonly string[]
  promises: string
}

export async function readTrace(file: string, options: TraceOptions): Promise<DiskEvent[]> {
  const reader = new TraceReader(options)
  for await (const line of createInterface({ input: createReadStream(file, 'latin1') })) reader.line(line)
  return reader.events
}

const hexText = /"((?:\\x[0-9a-f]{2})*)"/g
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll('\\x', ''), 'hex')
const textOf = (hex: string): string => bytesOf(hex).toString('utf8')

class TraceReader {
  readonly events: DiskEvent[] = []
  readonly #options: TraceOptions
  readonly #begun = new Map<string, string>()
  /** Where the next plain write of an open file goes. */
  readonly #offsets = new Map<string, number>()
  readonly #sizes = new Map<string, number>()

  constructor(options: TraceOptions) {
    this.#options = options
  }

  line(line: string): void {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/s.exec(line) ?? []
    if (rest.endsWith(' <unfinished ...>')) {
      this.#begun.set(thread, rest.slice(0, -' <unfinished ...>'.length))
      return
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest)
    this.#call(resumed ? `${this.#begun.get(thread) ?? ''}${resumed[1]}` : rest)
  }

  #call(call: string): void {
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\)\s+= (-?\d+)/s.exec(call) ?? []
    if (name === '' || Number(result) < 0) return
    const paths = [...args.matchAll(hexText)].map(match => match[1]!)
    const [, fd, hexPath = ''] = /^(\d+)<((?:\\x[0-9a-f]{2})*)>/.exec(args) ?? []
    const path = textOf(hexPath)
    if (fd === undefined) this.#named(name, args, paths.map(textOf), call)
    else if (path === this.#options.promises && name === 'write')
      this.events.push({ op: 'promise', text: textOf(paths[0]!) })
    else if (this.#ours(path)) this.#open(name, args, Number(fd), path, paths[0], Number(result))
  }

  /** A call on an open file. */
  #open(name: string, args: string, fd: number, path: string, data: string | undefined, result: number): void {
    if (unknown.has(name)) throw new Error(`${name} is not modelled`)
    if (name === 'fsync' || name === 'fdatasync') this.events.push({ op: 'sync', path })
    if (name === 'ftruncate') this.#truncated(path, Number(/, (\d+)$/.exec(args)![1]))
    if (name === 'pwrite64') this.#written(path, Number(/, (\d+)$/.exec(args)![1]), data!, result)
    if (name !== 'write') return
    const key = `${fd} ${path}`
    const offset = this.#offsets.get(key) ?? 0
    this.#written(path, offset, data!, result)
    this.#offsets.set(key, offset + result)
  }

  #written(path: string, offset: number, data: string, count: number): void {
    const bytes = bytesOf(data).subarray(0, count)
    this.#sizes.set(path, Math.max(this.#sizes.get(path) ?? 0, offset + count))
    this.events.push({ op: 'write', path, offset, bytes })
  }

  #truncated(path: string, length: number): void {
    this.#sizes.set(path, length)
    this.events.push({ op: 'truncate', path, length })
  }

  /** A call that names its files. */
  #named(name: string, args: string, paths: string[], call: string): void {
    const [first = '', second = ''] = paths
    if (!this.#ours(first)) return
    if (name === 'openat') this.#opened(args, first, call)
    if (name.startsWith('rename')) this.events.push({ op: 'rename', from: first, to: second })
    if (name.startsWith('link')) this.events.push({ op: 'link', from: first, to: second })
    if (name.startsWith('unlink')) this.events.push({ op: 'unlink', path: first })
    if (name.startsWith('mkdir')) this.events.push({ op: 'folder', path: first })
  }

  #opened(args: string, path: string, call: string): void {
    const fd = /= (\d+)/.exec(call.slice(call.lastIndexOf(')')))?.[1]
    const truncate = args.includes('O_TRUNC')
    this.#offsets.set(`${fd} ${path}`, args.includes('O_APPEND') ? (this.#sizes.get(path) ?? 0) : 0)
    if (truncate) this.#sizes.set(path, 0)
    if (args.includes('O_CREAT')) this.events.push({ op: 'create', path, fresh: args.includes('O_EXCL'), truncate })
  }

  #ours(path: string): boolean {
    return this.#options.roots.some(root => path === root || path.startsWith(`${root}/`))
  }
}
