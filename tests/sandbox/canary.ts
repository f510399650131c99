/** Looks for secrets in whatever is given to it, as they are and in the forms that programs write them in. */
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

interface Needle {
  /** Which secret, and in which form. */
  name: string
  bytes: Buffer
}

export interface Looked {
  /** Files, answers or regions. */
  things: number
  bytes: number
  hits: string[]
}

const longest = 400
const pieceBytes = 8 * 1024 ** 2
const deepest = 24
const nothing = Buffer.alloc(pieceBytes + longest)

export class Canaries {
  readonly forms: readonly Needle[]
  readonly #places = new Map<string, Looked>()

  constructor(secrets: Readonly<Record<string, string>>) {
    this.forms = Object.entries(secrets).flatMap(([name, secret]) =>
      Object.entries(formsOf(secret)).map(([form, text]) => ({ name: `${name} as ${form}`, bytes: Buffer.from(text) })),
    )
  }

  get places(): ReadonlyMap<string, Looked> {
    return this.#places
  }

  /** `at`: what this is one of, as docs/security.md has it. */
  look(at: string, what: string, content: Buffer | string): void {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    const place = this.#place(at)
    place.things += 1
    place.bytes += bytes.byteLength
    this.#find(place, what, bytes)
  }

  /** Also what lies across two pieces is found. True: `also` was there. */
  async stream(at: string, what: string, pieces: AsyncIterable<Uint8Array>, also?: Buffer): Promise<boolean> {
    const place = this.#place(at)
    place.things += 1
    let before = Buffer.alloc(0)
    let isThere = false
    for await (const piece of pieces) {
      const bytes = Buffer.concat([before, piece])
      place.bytes += piece.byteLength
      this.#find(place, what, bytes)
      isThere ||= also !== undefined && bytes.includes(also)
      before = bytes.subarray(Math.max(0, bytes.byteLength - longest))
    }
    return isThere
  }

  /** All files below a folder, with their names; what goes away meanwhile is left out. `skip`: no contents of these. */
  tree(at: string, folder: string, skip: (path: string) => boolean = () => false, depth = 0): void {
    for (const name of orNothing(() => readdirSync(folder), [])) {
      const path = join(folder, name)
      const found = orNothing(() => lstatSync(path), undefined)
      if (!found) continue
      this.#find(this.#place(at), path, Buffer.from(name))
      if (found.isSymbolicLink())
        this.look(
          at,
          path,
          orNothing(() => readlinkSync(path), ''),
        )
      else if (found.isDirectory() && depth < deepest && !skip(path)) this.tree(at, path, skip, depth + 1)
      else if (found.isFile() && !skip(path)) this.#file(at, path)
    }
  }

  /**
   * Environment and arguments of every process of this machine, at this moment. The environment of the hub's own git is
   * where a credential has to be (GT2): who is not the hub's user cannot read it.
   */
  processes(at: string): void {
    const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
    for (const pid of pids)
      for (const name of isGitOfHub(pid) ? ['cmdline'] : ['environ', 'cmdline']) {
        const text = orNothing(() => readFileSync(`/proc/${pid}/${name}`), Buffer.alloc(0))
        this.look(at, `${pid} ${name}`, text)
      }
  }

  /** What a process may write to in its memory, as far as it was ever written to. */
  memory(at: string, pid: number): void {
    const maps = orNothing(() => readFileSync(`/proc/${pid}/maps`, 'utf8'), '')
    const memory = orNothing(() => openSync(`/proc/${pid}/mem`, 'r'), undefined)
    if (memory === undefined) return
    const piece = Buffer.alloc(pieceBytes + longest)
    for (const [, from, to] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
      const end = Number.parseInt(to!, 16)
      for (let start = Number.parseInt(from!, 16); start < end; start += pieceBytes) {
        const most = Math.min(piece.byteLength, end - start)
        const read = orNothing(() => readSync(memory, piece, 0, most, start), 0)
        if (read > 0) this.look(at, `memory of ${pid}`, piece.subarray(0, read))
      }
    }
    closeSync(memory)
  }

  #file(at: string, path: string): void {
    const file = orNothing(() => openSync(path, 'r'), undefined)
    if (file === undefined) return
    const place = this.#place(at)
    place.things += 1
    const size = orNothing(() => lstatSync(path).size, 0)
    const piece = Buffer.alloc(Math.min(pieceBytes, 1 + size) + longest)
    let kept = 0
    for (;;) {
      const read = orNothing(() => readSync(file, piece, kept, piece.byteLength - kept, null), 0)
      if (read === 0) break
      place.bytes += read
      const all = piece.subarray(0, kept + read)
      this.#find(place, path, all)
      kept = Math.min(longest, all.byteLength)
      all.copy(piece, 0, all.byteLength - kept)
    }
    closeSync(file)
  }

  #find(place: Looked, what: string, bytes: Buffer): void {
    // Most of a sparse file, and of memory that was asked for.
    if (bytes.byteLength <= nothing.byteLength && bytes.equals(nothing.subarray(0, bytes.byteLength))) return
    for (const { name, bytes: needle } of this.forms) if (bytes.includes(needle)) place.hits.push(`${name} in ${what}`)
  }

  #place(at: string): Looked {
    const known = this.#places.get(at) ?? { things: 0, bytes: 0, hits: [] }
    this.#places.set(at, known)
    return known
  }
}

/** With the hub's user and root directory; what runs in a sandbox has others. */
function isGitOfHub(pid: string): boolean {
  const isOurs = (): boolean => {
    const isGit = readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('git')
    const hasOurRoot = statSync(`/proc/${pid}/root`).ino === statSync('/').ino
    return isGit && hasOurRoot && statSync(`/proc/${pid}`).uid === process.getuid?.()
  }
  return orNothing(isOurs, false)
}

/** Each without its ends: those of an encoded word depend on what is beside it. */
export function formsOf(secret: string): Record<string, string> {
  const bytes = Buffer.from(secret)
  const middle = secret.slice(4, -4)
  const hex = Buffer.from(middle).toString('hex')
  const percents = hex.replace(/../g, '%$&')
  const shifted = (by: number, encoding: 'base64' | 'base64url'): string =>
    Buffer.concat([Buffer.alloc(by), bytes])
      .toString(encoding)
      .slice(4, -5)
  return {
    'it is': middle,
    hex,
    HEX: hex.toUpperCase(),
    'an address has it': encodeURIComponent(middle),
    percents,
    PERCENTS: percents.toUpperCase(),
    'characters of two bytes': Buffer.from(middle, 'utf16le').toString('latin1'),
    'it is, backwards': [...middle].reverse().join(''),
    ...Object.fromEntries(
      [0, 1, 2].flatMap(by => (['base64', 'base64url'] as const).map(name => [`${name} ${by}`, shifted(by, name)])),
    ),
  }
}

function orNothing<T>(read: () => T, nothing: T): T {
  try {
    return read()
  } catch (thrown) {
    // Processes and files come and go while they are looked at.
    if (thrown instanceof Error && 'code' in thrown) return nothing
    throw thrown
  }
}
