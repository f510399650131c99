/**
 * Deleted files: kept in the device's own folder, so that nothing that a sync deleted is gone. Beside it stands a folder
 * of notes that say where each was; a note is written before its file. What is old or too much goes.
 */
import { basename, dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, isId, type Now, type ProjectId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import type { Disk } from './disk.ts'

/** So that a name that is as long as may be still fits with its time in front. */
const mostNameChars = 60
const mostNoteBytes = 16 * 1024
/** A mass delete is not to look at everything for each of its files. */
const pruneEveryMs = 60_000

export interface Origin {
  /** Inside the project. */
  path: string
  document?: DocumentId
}

export interface TrashEntry extends Origin {
  name: string
  project: ProjectId
  deletedAt: number
  bytes: number
}

const noteSchema = v.object({
  project: v.custom<ProjectId>(text => isId('project', text)),
  path: v.string(),
  document: v.optional(v.custom<DocumentId>(text => isId('document', text))),
  deletedAt: v.number(),
})

export class TrashFolder {
  readonly folder: string
  readonly #notes: string
  readonly #disk: Disk
  readonly #now: Now
  readonly #limits: Limits
  #count = 0
  #prunedAt = Number.NEGATIVE_INFINITY

  constructor(disk: Disk, folder: string, now: Now, limits: Limits) {
    this.#disk = disk
    this.folder = folder
    this.#notes = `${folder}-notes`
    this.#now = now
    this.#limits = limits
  }

  /** A durable name in the trash for something that is about to be moved there. */
  async place(project: ProjectId, origin: Origin): Promise<string> {
    await this.#disk.makeFolders(this.folder, true)
    await this.#disk.makeFolders(this.#notes, true)
    if (this.#now() - this.#prunedAt >= pruneEveryMs) await this.prune()
    const deletedAt = this.#now()
    const time = new Date(deletedAt).toISOString().replace(/[:.]/g, '-')
    const name = `${time}-${++this.#count}-${basename(origin.path).slice(-mostNameChars).toWellFormed()}`
    const note = Buffer.from(JSON.stringify({ project, ...origin, deletedAt }))
    await this.#disk.write(this.#noteOf(name), note, { mode: 0o600 })
    return join(this.folder, name)
  }

  #noteOf(name: string): string {
    return join(this.#notes, `${name}.json`)
  }

  /** Newest first. */
  async list(): Promise<TrashEntry[]> {
    const entries: TrashEntry[] = []
    for (const { name, kind } of (await this.#disk.list(this.folder)) ?? []) {
      const entry = kind === 'file' ? await this.#entry(name) : undefined
      if (entry) entries.push(entry)
    }
    return entries.sort((a, b) => b.deletedAt - a.deletedAt || (a.name < b.name ? 1 : -1))
  }

  /** Undefined for a file without a note. */
  async #entry(name: string): Promise<TrashEntry | undefined> {
    const found = await this.#disk.look(join(this.folder, name))
    const note = await this.#disk.read(this.#noteOf(name), mostNoteBytes).catch(() => undefined)
    if (!found || !note) return undefined
    const parsed = parseNote(note.bytes)
    if (!parsed) return undefined
    const { project, path, document, deletedAt } = parsed
    return {
      name,
      path,
      deletedAt,
      bytes: Number(found.stamp.size),
      project,
      ...(document === undefined ? {} : { document }),
    }
  }

  /** NOT_FOUND for a name that does not stand in the list. */
  async find(name: string): Promise<TrashEntry> {
    const entry = basename(name) === name ? await this.#entry(name) : undefined
    if (!entry) throw new MeshError('NOT_FOUND', { detail: `the trash has no ${name}` })
    return entry
  }

  /** TOO_LARGE for what no project takes back; it can be fetched from the folder by hand. */
  async read(name: string): Promise<Uint8Array> {
    const content = await this.#disk.read(join(this.folder, name), this.#limits.fileBytes)
    if (!content) throw new MeshError('NOT_FOUND', { detail: `the trash has no ${name}` })
    return content.bytes
  }

  async remove(name: string): Promise<void> {
    await this.#disk.remove(join(this.folder, name))
    await this.#disk.remove(this.#noteOf(name))
  }

  /** Before anything else is done with it: removes the notes of what a crash kept from coming, too. */
  async tidy(): Promise<void> {
    const names = new Set((await this.#disk.list(this.folder))?.map(({ name }) => `${name}.json`))
    for (const { name } of (await this.#disk.list(this.#notes)) ?? [])
      if (!names.has(name)) await this.#disk.remove(join(this.#notes, name))
    await this.prune()
  }

  /** Removes what is older, or more, than is kept. */
  async prune(): Promise<void> {
    this.#prunedAt = this.#now()
    let bytes = 0
    for (const entry of await this.list()) {
      bytes += entry.bytes
      if (bytes > this.#limits.trashBytes || this.#now() - entry.deletedAt > this.#limits.trashMs)
        await this.remove(entry.name)
    }
  }
}

/** Undefined for a note that is damaged: its file stays, but nobody knows where it was. */
function parseNote(bytes: Uint8Array): v.InferOutput<typeof noteSchema> | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), noteSchema), Buffer.from(bytes).toString('utf8'))
  return parsed.success ? parsed.output : undefined
}

/** `kept` is the file in the trash. */
export function deletedWhileEdited(file: string, kept: string): MeshError {
  return new MeshError('CONFLICT', {
    detail: `${file} was deleted on another device while it was edited here; ${wayBack(basename(kept))} brings it back`,
  })
}

/** A command to copy into a shell. A name that the shell could take for something else, made by whomever, is not in it. */
export function wayBack(name: string): string {
  if (/^[\p{L}\p{N} ._()-]+$/u.test(name)) return `\`meshbook trash restore "${name}"\``
  return '`meshbook trash restore` with its name from `meshbook trash list`'
}

/** The trash as one project uses it. */
export class Trash {
  readonly #disk: Disk
  readonly #folder: TrashFolder
  readonly #project: ProjectId

  constructor(disk: Disk, folder: TrashFolder, project: ProjectId) {
    this.#disk = disk
    this.#folder = folder
    this.#project = project
  }

  /**
   * Moves a file here, also from another disk; returns where it is. Durably: a file that a power cut brings back would be
   * taken for a new one.
   */
  async move(file: string, origin: Origin): Promise<string> {
    const kept = await this.#folder.place(this.#project, origin)
    await this.#disk.move(file, kept)
    await this.#disk.syncFolder(dirname(kept))
    await this.#disk.syncFolder(dirname(file))
    return kept
  }

  /** Keeps a copy of what a file held that is already gone. */
  async keep(text: string, origin: Origin): Promise<void> {
    const file = await this.#folder.place(this.#project, origin)
    await this.#disk.write(file, Buffer.from(text, 'utf8'), { mode: 0o600 })
  }
}
