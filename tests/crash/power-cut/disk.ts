/**
 * A disk as pessimistic as the standards allow: what was fsynced is there; of every other write none, all, half or a torn
 * prefix is, in any order; of names that were made, changed or removed since the last fsync of a folder, only some of the
 * first. It must not know what the files mean.
 */
import { dirname } from 'node:path'
import type { Chance } from '../../soak/random.ts'
import type { DiskEvent } from './disk-event.ts'

type Change = { at: 'write'; offset: number; bytes: Buffer } | { at: 'truncate'; length: number }
/** Several names that change in one step. */
interface NameChange {
  folder: string
  names: [path: string, file: File | undefined][]
}

interface File {
  durable: Buffer
  pending: Change[]
}

const sectorBytes = 512
/** How the writes fare that were not fsynced. */
type Mood = 'none' | 'all' | 'the first' | 'each by itself'

export class Disk {
  readonly #names = new Map<string, File>()
  readonly #durableNames = new Map<string, File>()
  #pendingNames: NameChange[] = []

  constructor(initial: ReadonlyMap<string, Buffer> = new Map()) {
    for (const [path, durable] of initial) {
      const file: File = { durable, pending: [] }
      this.#names.set(path, file)
      this.#durableNames.set(path, file)
    }
  }

  apply(event: DiskEvent): void {
    switch (event.op) {
      case 'create':
        if (!this.#names.has(event.path)) this.#name(event.path, { durable: Buffer.alloc(0), pending: [] })
        else if (event.truncate) this.#change(event.path, { at: 'truncate', length: 0 })
        return
      case 'write':
        this.#change(event.path, { at: 'write', offset: event.offset, bytes: event.bytes })
        return
      case 'truncate':
        this.#change(event.path, { at: 'truncate', length: event.length })
        return
      case 'sync':
        this.#sync(event.path)
        return
      case 'rename':
        this.#rename(event.from, event.to)
        return
      case 'link':
        this.#name(event.to, this.#names.get(event.from))
        return
      case 'unlink':
        this.#name(event.path, undefined)
        return
      case 'folder':
      case 'promise':
        return
    }
  }

  /** Changes of files and names that no fsync has covered yet. */
  get changesAtRisk(): number {
    const files = new Set(this.#names.values())
    return [...files].reduce((sum, file) => sum + file.pending.length, this.#pendingNames.length)
  }

  /** What the folder may hold when the power comes back. */
  afterPowerCut(chance: Chance): Map<string, Buffer> {
    const names = new Map(this.#durableNames)
    const survived = this.#pendingNames.slice(0, chance.between(0, this.#pendingNames.length))
    for (const change of survived) setNames(names, change)
    const mood = chance.pick<Mood>(['none', 'all', 'the first', 'each by itself', 'each by itself'])
    return new Map([...names].map(([path, file]) => [path, contentAfter(file, mood, chance)]))
  }

  #name(path: string, file: File | undefined): void {
    this.#setNames({ folder: dirname(path), names: [[path, file]] })
  }

  /** One step: never is there a moment with both names or with none. */
  #rename(from: string, to: string): void {
    const file = this.#names.get(from)
    this.#setNames({
      folder: dirname(to),
      names: [
        [to, file],
        [from, undefined],
      ],
    })
  }

  #setNames(change: NameChange): void {
    setNames(this.#names, change)
    this.#pendingNames.push(change)
  }

  #change(path: string, change: Change): void {
    this.#names.get(path)?.pending.push(change)
  }

  #sync(path: string): void {
    const file = this.#names.get(path)
    if (!file) {
      this.#syncFolder(path)
      return
    }
    file.durable = changed(file.durable, file.pending)
    file.pending = []
  }

  #syncFolder(folder: string): void {
    for (const change of this.#pendingNames) if (change.folder === folder) setNames(this.#durableNames, change)
    this.#pendingNames = this.#pendingNames.filter(change => change.folder !== folder)
  }
}

function setNames(names: Map<string, File>, change: NameChange): void {
  for (const [path, file] of change.names) {
    if (file) names.set(path, file)
    else names.delete(path)
  }
}

function contentAfter(file: File, mood: Mood, chance: Chance): Buffer {
  const first = chance.between(0, file.pending.length)
  const survived: Change[] = []
  for (const [i, change] of file.pending.entries()) {
    if (mood === 'none' || (mood === 'the first' && i > first)) break
    const whole = mood === 'all' || (mood === 'the first' && i < first)
    const survives = whole ? change : survivor(change, chance)
    if (survives) survived.push(survives)
  }
  return changed(file.durable, survived)
}

function survivor(change: Change, chance: Chance): Change | undefined {
  const fate = chance.pick(['none', 'whole', 'half', 'torn'] as const)
  if (fate === 'none') return undefined
  if (fate === 'whole' || change.at === 'truncate') return change
  const { offset, bytes } = change
  if (fate === 'half') return { at: 'write', offset, bytes: bytes.subarray(0, bytes.byteLength >>> 1) }
  const firstSector = Math.floor(offset / sectorBytes)
  const sectors = Math.ceil((offset + bytes.byteLength) / sectorBytes) - firstSector
  const end = (firstSector + chance.between(0, sectors)) * sectorBytes
  return { at: 'write', offset, bytes: bytes.subarray(0, Math.max(0, end - offset)) }
}

function changed(content: Buffer, changes: readonly Change[]): Buffer {
  if (changes.length === 0) return content
  const result = Buffer.alloc(Math.max(content.byteLength, ...changes.map(endOf)))
  content.copy(result)
  let length = content.byteLength
  for (const change of changes) {
    if (change.at === 'truncate') {
      result.fill(0, change.length, length)
      length = change.length
    } else {
      change.bytes.copy(result, change.offset)
      if (change.bytes.byteLength > 0) length = Math.max(length, endOf(change))
    }
  }
  return result.subarray(0, length)
}

function endOf(change: Change): number {
  return change.at === 'truncate' ? change.length : change.offset + change.bytes.byteLength
}
