/**
 * The disk of a simulated machine: what is written stays in memory until it is synced, and a power cut decides what of
 * the rest is kept, torn or gone. The device's program reaches it through the port `Disk`, in steps between which it can
 * be killed; the other programs of the machine change files at once.
 */
import { basename, dirname } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type Disk,
  type EntryKind,
  type Exchange,
  type FileContent,
  type FileRights,
  type FileStamp,
  type Looked,
  sameStamp,
  type Watch,
} from '@meshbook/device/projects/disk.ts'
import type { Chance } from './chance.ts'
import type { Trouble } from './store-disk.ts'
import type { Process, Timeline } from './timeline.ts'

interface Inode {
  number: number
  bytes: Uint8Array
  /** What a power cut leaves for certain. */
  synced: Uint8Array
  modified: bigint
  changed: bigint
  mode: number
}

/** A change of names that is not durable yet. */
interface NameChange {
  paths: string[]
  apply(names: Map<string, Inode>): void
}

interface Watcher {
  folder: string
  process: Process
  changed: (name: string | undefined) => void
}

export class SimDisk {
  trouble: Trouble | undefined
  readonly #timeline: Timeline
  readonly #chance: Chance
  #names = new Map<string, Inode>()
  readonly #durableNames = new Map<string, Inode>()
  #pending: NameChange[] = []
  readonly #folders = new Set<string>(['/'])
  readonly #watchers = new Set<Watcher>()
  readonly #freed: number[] = []
  #lastInode = 0
  #stamps = 0n
  readonly #clock: () => number

  constructor(timeline: Timeline, chance: Chance, clock: () => number) {
    this.#timeline = timeline
    this.#chance = chance
    this.#clock = clock
  }

  // What other programs of the machine do: at once, and durable.

  makeFolders(folder: string): void {
    if (this.#folders.has(folder)) return
    this.makeFolders(dirname(folder))
    this.#folders.add(folder)
    this.#notify(folder)
  }
  readText(path: string): string | undefined {
    const inode = this.#names.get(path)
    return inode && Buffer.from(inode.bytes).toString('utf8')
  }
  /** Paths of the files in a folder and below it. */
  filesBelow(folder: string): string[] {
    return [...this.#names.keys()].filter(path => path.startsWith(`${folder}/`)).sort()
  }
  /** Writes into the file that is there, or makes one. */
  overwrite(path: string, text: string): void {
    const inode = this.#names.get(path) ?? this.#create(path)
    this.#fill(inode, Buffer.from(text, 'utf8'))
    this.#settle(inode)
    this.#notify(path)
  }
  /** As many editors save: a new file takes the place of the old one. */
  replaceText(path: string, text: string): void {
    const aside = `${path}~new`
    const inode = this.#create(aside)
    this.#fill(inode, Buffer.from(text, 'utf8'))
    this.#rename(aside, path)
    this.#settle(inode)
  }
  renameFile(from: string, to: string): void {
    this.makeFolders(dirname(to))
    this.#rename(from, to)
    this.#settle()
  }
  removeFile(path: string): void {
    this.#unlink(path)
    this.#settle()
  }
  /** Everything below a folder is gone, as when a device is set up anew. */
  removeBelow(folder: string): void {
    for (const path of this.filesBelow(folder)) this.#unlink(path)
    this.#settle()
  }

  /** The power fails: of what was not synced, chance decides. Names come back in the order in which they changed. */
  cutPower(): void {
    const kept = this.#chance.between(0, this.#pending.length)
    for (const change of this.#pending.slice(0, kept)) change.apply(this.#durableNames)
    this.#pending = []
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) {
      if (inode.bytes !== inode.synced && !this.#chance.happens(0.3)) {
        const torn = this.#chance.happens(0.5)
        inode.bytes = torn ? inode.bytes.slice(0, this.#chance.between(0, inode.bytes.length)) : inode.synced
      }
      inode.synced = inode.bytes
    }
  }

  /** The disk as the device's program sees it. */
  portFor(process: Process): Disk {
    const port = new DiskPort(this, process, this.#timeline, this.#chance)
    process.atDeath(() => {
      for (const watcher of this.#watchers) if (watcher.process === process) this.#watchers.delete(watcher)
    })
    return port
  }

  // The single steps of the port; each happens whole or not at all.

  look(path: string): Looked | undefined {
    const inode = this.#names.get(path)
    if (inode) return { kind: 'file', stamp: stampOf(inode), names: this.#namesOf(inode) }
    const stamp = { inode: path, size: 0n, modified: 0n, changed: 0n }
    return this.#folders.has(path) ? { kind: 'folder', stamp, names: 1 } : undefined
  }
  #namesOf(inode: Inode): number {
    let names = 0
    for (const other of this.#names.values()) if (other === inode) names++
    return names
  }
  content(path: string, maxBytes: number): FileContent | undefined {
    if (this.#folders.has(path)) throw new MeshError('BAD_PATH', { detail: path })
    const inode = this.#names.get(path)
    if (!inode) return undefined
    if (inode.bytes.byteLength > maxBytes) throw new MeshError('TOO_LARGE')
    return { bytes: inode.bytes.slice(), stamp: stampOf(inode), mode: inode.mode, owner: { uid: 0, gid: 0 } }
  }
  entries(folder: string): { name: string; kind: EntryKind }[] | undefined {
    if (!this.#folders.has(folder)) return undefined
    const files = [...this.#names.keys()].filter(path => dirname(path) === folder)
    const folders = [...this.#folders].filter(path => path !== folder && dirname(path) === folder)
    return [
      ...files.map(path => ({ name: basename(path), kind: 'file' as const })),
      ...folders.map(path => ({ name: basename(path), kind: 'folder' as const })),
    ]
  }
  createFile(path: string, rights: Partial<FileRights>): void {
    if (this.#names.has(path) || !this.#folders.has(dirname(path))) throw failed(path)
    this.#create(path).mode = rights.mode ?? 0o644
  }
  fillFile(path: string, bytes: Uint8Array): void {
    const inode = this.#names.get(path)
    if (!inode) throw failed(path)
    this.#fill(inode, bytes)
    this.#notify(path)
  }
  syncFile(path: string): FileStamp {
    const inode = this.#names.get(path)
    if (!inode) throw failed(path)
    inode.synced = inode.bytes
    // As journaling file systems do it: the name of a new file becomes durable with its content.
    this.#syncUpTo(this.#pending.findLastIndex(change => change.paths.includes(path)))
    return stampOf(inode)
  }
  setAside(file: string, aside: string, expected: FileStamp): boolean {
    if (!sameStamp(this.look(file)?.stamp, expected)) return false
    this.#rename(file, aside)
    return true
  }
  linkFile(from: string, to: string): boolean {
    const inode = this.#names.get(from)
    if (!inode) throw failed(from)
    if (this.#names.has(to)) return false
    this.#change([to], names => void names.set(to, inode))
    inode.changed = this.#stamp()
    this.#notify(to)
    return true
  }
  moveFile(from: string, to: string): void {
    if (!this.#names.has(from) || !this.#folders.has(dirname(to))) throw failed(from)
    this.#rename(from, to)
  }
  unlinkFile(path: string): void {
    this.#unlink(path)
  }
  syncNames(folder: string): void {
    this.#syncUpTo(this.#pending.findLastIndex(change => change.paths.some(path => dirname(path) === folder)))
  }
  #syncUpTo(last: number): void {
    for (const change of this.#pending.splice(0, last + 1)) change.apply(this.#durableNames)
  }
  addWatcher(watcher: Watcher): Watch {
    this.#watchers.add(watcher)
    return { close: () => void this.#watchers.delete(watcher) }
  }

  #create(path: string): Inode {
    const number = (this.#chance.happens(0.5) ? this.#freed.pop() : undefined) ?? ++this.#lastInode
    const empty = new Uint8Array()
    const stamp = this.#stamp()
    const inode: Inode = { number, bytes: empty, synced: empty, modified: stamp, changed: stamp, mode: 0o644 }
    this.makeFolders(dirname(path))
    this.#change([path], names => void names.set(path, inode))
    this.#notify(path)
    return inode
  }
  #fill(inode: Inode, bytes: Uint8Array): void {
    inode.bytes = bytes.slice()
    inode.modified = this.#stamp()
    inode.changed = inode.modified
  }
  #rename(from: string, to: string): void {
    const inode = this.#names.get(from)
    if (!inode) return
    const replaced = this.#names.get(to)
    this.#change([from, to], names => {
      names.delete(from)
      names.set(to, inode)
    })
    inode.changed = this.#stamp()
    if (replaced && replaced !== inode) this.#free(replaced)
    this.#notify(from)
    this.#notify(to)
  }
  #unlink(path: string): void {
    const inode = this.#names.get(path)
    if (!inode) return
    this.#change([path], names => void names.delete(path))
    this.#free(inode)
    this.#notify(path)
  }
  #free(inode: Inode): void {
    if (![...this.#names.values()].includes(inode)) this.#freed.push(inode.number)
  }
  #change(paths: string[], apply: NameChange['apply']): void {
    apply(this.#names)
    this.#pending.push({ paths, apply })
  }
  /** Other programs sync what they write; how the device's program does is what is tried here. */
  #settle(inode?: Inode): void {
    for (const change of this.#pending.splice(0)) change.apply(this.#durableNames)
    if (inode) inode.synced = inode.bytes
  }
  /** By the clock of the machine, and never the same twice. */
  #stamp(): bigint {
    return BigInt(Math.floor(this.#clock())) * 1_000_000n + (++this.#stamps % 1_000_000n)
  }
  #notify(path: string): void {
    const folder = dirname(path)
    for (const { folder: watched, process, changed } of this.#watchers)
      if (watched === folder)
        this.#timeline.schedule(process, this.#chance.fraction() * 20, () => changed(basename(path)))
  }
}

class DiskPort implements Disk {
  readonly #disk: SimDisk
  readonly #process: Process
  readonly #timeline: Timeline
  readonly #chance: Chance

  constructor(disk: SimDisk, process: Process, timeline: Timeline, chance: Chance) {
    this.#disk = disk
    this.#process = process
    this.#timeline = timeline
    this.#chance = chance
  }

  /** One step: it happens some time later, and its outcome is known later still. */
  #step<T>(action: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const soon = (task: () => void) => this.#timeline.schedule(this.#process, this.#chance.fraction() * 2, task)
      soon(() => {
        try {
          const result = action()
          soon(() => resolve(result))
        } catch (thrown) {
          soon(() => reject(thrown))
        }
      })
    })
  }
  #writing(path: string): void {
    const { trouble } = this.#disk
    if (trouble) throw new MeshError(trouble === 'full' ? 'DISK_FULL' : 'STORAGE_FAILED', { detail: path })
  }

  read(file: string, maxBytes: number): Promise<FileContent | undefined> {
    return this.#step(() => this.#disk.content(file, maxBytes))
  }
  async write(file: string, bytes: Uint8Array, rights: Partial<FileRights> = {}): Promise<FileStamp> {
    await this.#step(() => this.#disk.createFile(file, rights))
    const first = bytes.slice(0, this.#chance.between(0, bytes.length))
    await this.#step(() => this.#disk.fillFile(file, first))
    await this.#step(() => {
      this.#writing(file)
      this.#disk.fillFile(file, bytes)
    })
    return this.#step(() => {
      this.#writing(file)
      return this.#disk.syncFile(file)
    })
  }
  look(path: string): Promise<Looked | undefined> {
    return this.#step(() => this.#disk.look(path))
  }
  list(folder: string): Promise<{ name: string; kind: EntryKind }[] | undefined> {
    return this.#step(() => this.#disk.entries(folder))
  }
  realPath(path: string): Promise<string | undefined> {
    return this.#step(() => (this.#disk.look(path) ? path : undefined))
  }
  makeFolder(folder: string): Promise<void> {
    return this.#step(() => this.#disk.makeFolders(folder))
  }
  makeFolders(folder: string): Promise<void> {
    return this.#step(() => this.#disk.makeFolders(folder))
  }
  /** For a moment nobody finds the file; a kill may come just then, and so may another program. */
  async exchange(temporary: string, file: string, aside: string, expected: FileStamp): Promise<Exchange> {
    if (!(await this.#step(() => this.#disk.setAside(file, aside, expected)))) return 'changed'
    if (!(await this.#step(() => this.#disk.linkFile(temporary, file)))) return 'taken'
    await this.#step(() => this.#disk.unlinkFile(temporary))
    return 'done'
  }
  async place(temporary: string, file: string): Promise<boolean> {
    if (!(await this.#step(() => this.#disk.linkFile(temporary, file)))) return false
    await this.#step(() => this.#disk.unlinkFile(temporary))
    return true
  }
  move(from: string, to: string): Promise<void> {
    return this.#step(() => this.#disk.moveFile(from, to))
  }
  remove(file: string): Promise<void> {
    return this.#step(() => this.#disk.unlinkFile(file))
  }
  syncFolder(folder: string): Promise<void> {
    return this.#step(() => {
      this.#writing(folder)
      this.#disk.syncNames(folder)
    })
  }
  watch(folder: string, changed: (name: string | undefined) => void): Watch | undefined {
    return this.#disk.addWatcher({ folder, process: this.#process, changed })
  }
}

function stampOf({ number, bytes, modified, changed }: Inode): FileStamp {
  return { inode: `1:${number}`, size: BigInt(bytes.byteLength), modified, changed }
}

function failed(path: string): MeshError {
  return new MeshError('STORAGE_FAILED', { detail: `${path} (simulated)` })
}
