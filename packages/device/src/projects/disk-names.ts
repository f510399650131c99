/**
 * Which name on the disk stands for which path of the tree. The tree has every path in NFC; a file that is found under
 * another Unicode form, or in another case on a folder that does not keep cases apart, keeps its own bytes. Never has one
 * path two files, nor one file two paths. Knows nothing of documents.
 */
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import type { Disk, FileStamp } from './disk.ts'

const mostToldChars = 200

export class DiskNames {
  /** By path of the tree. */
  #found: ReadonlyMap<string, string> = new Map()
  /** The names that files had whose paths are found in another case, until somebody has dealt with that. */
  #respelled: ReadonlyMap<string, string> = new Map()
  #folds = false

  /** The folder finds a file by its name in any case. */
  get folds(): boolean {
    return this.#folds
  }

  /** Asks the folder under another spelling of a folder that is in it; it need not be written to for that. */
  async probe(disk: Disk, root: string): Promise<void> {
    const [known, other] = [await disk.look(join(root, '.meshbook')), await disk.look(join(root, '.MESHBOOK'))]
    this.#folds = known !== undefined && known.stamp.inode === other?.stamp.inode
  }

  /** `known`: the paths of files that have a document. */
  learn(found: ReadonlyMap<string, string>, known: readonly string[]): void {
    this.#respelled = this.#folds ? this.#respelledIn(found, known) : this.#respelled
    this.#found = found
  }

  #respelledIn(found: ReadonlyMap<string, string>, known: readonly string[]): Map<string, string> {
    const away = known.filter(path => !found.has(path))
    const keys = away.length === 0 ? new Set() : new Set([...found.keys()].map(foldedName))
    const before = away.map(path => [path, this.found(path)] as const)
    return new Map(before.filter((it): it is [string, string] => it[1] !== undefined && keys.has(foldedName(it[0]))))
  }

  /** Its file was there, and is now found in another case. */
  isRespelled(path: string): boolean {
    return this.#respelled.has(path)
  }

  /** What two paths have in common that the folder takes for one file. */
  key(path: string): string {
    return this.#folds ? foldedName(path) : path
  }

  /** Where it was last found; undefined where it was never seen. */
  found(path: string): string | undefined {
    return this.#found.get(path) ?? this.#respelled.get(path)
  }

  /** What was found at both of them is found there no more. */
  moved(from: string, to: string): void {
    const without = (names: ReadonlyMap<string, string>) =>
      new Map([...names].filter(([path]) => path !== from && path !== to))
    this.#found = without(this.#found)
    this.#respelled = without(this.#respelled)
  }

  onDisk(path: string): string {
    const found = this.#found.get(path)
    if (found !== undefined) return found
    const slash = path.lastIndexOf('/')
    return slash < 0 ? path : `${this.onDisk(path.slice(0, slash))}${path.slice(slash)}`
  }

  /** Whether the folder takes both for one file. */
  areOne(a: string, b: string): boolean {
    return this.key(a) === this.key(b)
  }

  /** Paths that the folder can hold side by side; which one yields is the same at every start. */
  distinct<Id>(paths: ReadonlyMap<Id, string>): Map<Id, string> {
    if (!this.#folds) return new Map(paths)
    const taken = new Set<string>()
    const distinct = new Map<Id, string>()
    for (const [id, path] of paths) {
      const free = freeName(path, name => taken.has(foldedName(name)))
      taken.add(foldedName(free))
      distinct.set(id, free)
    }
    return distinct
  }
}

/** As the most eager of the file systems that fold have it: some take `ß` for `ss`, or `ſ` for `s`. */
export function foldedName(path: string): string {
  return path.normalize('NFC').toLowerCase().toUpperCase().normalize('NFC')
}

export function freeName(path: string, isTaken: (path: string) => boolean): string {
  const dot = path.lastIndexOf('.')
  const end = dot > path.lastIndexOf('/') + 1 ? dot : path.length
  let free = path
  for (let n = 2; isTaken(free); n++) free = `${path.slice(0, end)} (${n})${path.slice(end)}`
  return free
}

/** A document has it that some other program named. */
export function unusableName(path: string): MeshError {
  return new MeshError('BAD_PATH', { detail: `a document has no file: ${unusable(path)}` })
}

function unusable(path: string): string {
  const told = JSON.stringify(path.slice(0, mostToldChars))
  return `${told} is too long a name, or one that not every device can hold (Windows forbids : * ? " < > | \\, names like CON, and a dot or space at the end); rename it`
}

export interface FoundFile {
  /** As the disk has it. */
  name: string
  stamp: FileStamp
}

export interface NamedFiles {
  /** By path of the tree. */
  files: Map<string, FoundFile>
  /** What is wrong, by what it is told about: the document of a path has problems of its own. */
  refused: Map<string, MeshError>
}

/** `known`: the paths of files that have a document, with the inode that each had. */
export function nameFiles(
  found: readonly FoundFile[],
  known: ReadonlyMap<string, string | null>,
  names: DiskNames,
): NamedFiles {
  const folded = new Map(names.folds ? [...known.keys()].map(path => [foldedName(path), path]) : [])
  const wanted = new Map<string, FoundFile[]>()
  const refused = new Map<string, MeshError>()
  for (const file of found) {
    const path = pathOf(file.name, folded, names)
    if (path === undefined) refused.set(file.name, new MeshError('BAD_PATH', { detail: unusable(file.name) }))
    else wanted.set(path, [...(wanted.get(path) ?? []), file])
  }
  const files = new Map<string, FoundFile>()
  for (const [path, candidates] of wanted) files.set(path, chosen(path, candidates, known.get(path), refused))
  return { files, refused }
}

/** A file whose own name changed only in case was renamed; one that lies in a folder of another case was not. */
function pathOf(name: string, folded: ReadonlyMap<string, string>, names: DiskNames): string | undefined {
  const path = normalPath(name)
  const known = path && folded.get(foldedName(path))
  if (known === undefined) return path
  const before = names.found(known)
  return before === undefined || lastPart(before) === lastPart(name) ? known : path
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function otherSpelling(name: string): string {
  return `${name} (another spelling)`
}

/** The file that the document had, else the one that is spelled as the tree has it; the others wait for a name of their own. */
function chosen(
  path: string,
  candidates: readonly FoundFile[],
  inode: string | null | undefined,
  refused: Map<string, MeshError>,
): FoundFile {
  const sorted = [...candidates].sort((a, b) => (a.name < b.name ? -1 : 1))
  const best =
    sorted.find(file => file.stamp.inode === inode) ??
    sorted.find(file => file.name === path) ??
    (sorted[0] as FoundFile)
  for (const { name } of sorted)
    if (name !== best.name)
      refused.set(
        otherSpelling(name),
        new MeshError('BAD_PATH', { detail: `two files are spelled ${path} in different bytes; rename one` }),
      )
  return best
}
