/** A folder attached to a project whose documents are in memory: what the file tests share. */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import { type DocumentId, newId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { type After, systemAfter } from '@meshbook/relay/timers.ts'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import { Problems } from '../problems.ts'
import type { AssetSharing } from '../projects/asset-file-ports.ts'
import type { Disk } from '../projects/disk.ts'
import { isMarked, writeMarker } from '../projects/folder-marker.ts'
import { NodeDisk } from '../projects/node-disk.ts'
import { ProjectFolder } from '../projects/project-folder.ts'
import { Trash, TrashFolder } from '../projects/trash.ts'
import { headOf, type Projection } from '../store/projections.ts'
import { until } from './until.ts'

export const quickLimits: Limits = { ...limits, fileDebounceMs: 20, fileMaxWaitMs: 100 }

/** Documents in memory: one shared Y.Doc for each id, as if every peer were connected to the same relay. */
export class SharedDocuments {
  readonly docs = new Map<DocumentId, Y.Doc>()
  opened = 0
  mostOpened = 0
  /** Called before a document that is being closed is closed. */
  closing: () => Promise<void> = () => Promise.resolve()
  readonly #open = new Map<DocumentId, number>()
  readonly #positions = new Map<DocumentId, number>()
  readonly #followers = new Map<DocumentId, Set<() => void>>()

  doc(id: DocumentId): Y.Doc {
    const known = this.docs.get(id)
    if (known) return known
    const doc = new Y.Doc()
    this.docs.set(id, doc)
    doc.on('update', () => {
      this.#positions.set(id, this.position(id) + 1)
      if (!this.#open.get(id)) for (const changed of this.#followers.get(id) ?? []) changed()
    })
    return doc
  }

  position(id: DocumentId): number {
    return this.#positions.get(id) ?? 0
  }

  follow(id: DocumentId, changed: () => void): () => void {
    const followers = this.#followers.get(id) ?? new Set()
    this.#followers.set(id, followers.add(changed))
    if (this.#open.get(id)) changed()
    return () => followers.delete(changed)
  }

  open(id: DocumentId): DocumentPeer {
    this.opened++
    this.mostOpened = Math.max(this.mostOpened, this.opened)
    this.#open.set(id, (this.#open.get(id) ?? 0) + 1)
    const shared = this.doc(id)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(shared))
    const out = (update: Uint8Array) => Y.applyUpdate(shared, update)
    const back = (update: Uint8Array) => Y.applyUpdate(doc, update)
    doc.on('update', out)
    shared.on('update', back)
    const close = async () => {
      await this.closing()
      this.opened--
      this.#open.set(id, (this.#open.get(id) ?? 0) - 1)
      shared.off('update', back)
      doc.destroy()
    }
    return {
      id,
      doc,
      ready: Promise.resolve(),
      synced: Promise.resolve(),
      durable: () => Promise.resolve(),
      isShared: () => this.#open.get(id)! > 1,
      close,
    }
  }
}

export class Place {
  readonly root: string
  readonly folder: string
  readonly documents = new SharedDocuments()
  readonly rows = new Map<DocumentId, Projection>()
  readonly problems = new Problems()
  readonly project = {
    id: newId('project', Date.now(), systemRandom),
    name: 'p',
    owner: 'me',
    tree: newId('document', Date.now(), systemRandom),
  }
  folderOf: ProjectFolder | undefined
  /** The process is gone: what it held is never closed. */
  hasCrashed = false
  /** No other place has documents of the same project open. */
  isAlone = true

  disk: Disk
  limits: Limits = quickLimits
  after: After = systemAfter
  now: () => number = Date.now
  /** How other files are shared; none are without it. */
  sharing: AssetSharing | undefined
  isReadOnly = false
  /** Called before each write of a row; one that does not return is a crash. */
  storing: () => Promise<void> = () => Promise.resolve()

  constructor(root: string, disk: Disk) {
    this.disk = disk
    this.root = root
    this.folder = join(root, 'project')
  }

  async start(): Promise<ProjectFolder> {
    const { rows } = this
    const store = {
      list: async () =>
        [...rows.values()].map(row => ({
          ...headOf(row),
          isDue: row.merge !== null || row.position === 0 || row.position !== this.documents.position(row.document),
        })),
      load: async (id: DocumentId) => {
        const row = rows.get(id)
        if (!row) throw new MeshError('NOT_FOUND')
        return structuredClone(row)
      },
      position: async (id: DocumentId) => this.documents.position(id),
      save: async (row: Projection) => {
        await this.storing()
        rows.set(row.document, structuredClone(row))
      },
      remove: async (id: DocumentId) => void rows.delete(id),
    }
    const kept = new TrashFolder(this.disk, join(this.root, 'trash'), () => this.now(), this.limits)
    const trash = new Trash(this.disk, kept, this.project.id)
    this.folderOf = new ProjectFolder(this.project, this.folder, {
      store,
      open: id => this.documents.open(id),
      follow: (id, changed) => this.documents.follow(id, changed),
      treeKnown: () => Promise.resolve(),
      disk: this.disk,
      after: this.after,
      now: () => this.now(),
      random: systemRandom,
      limits: this.limits,
      problems: this.problems,
      trash,
      deviceName: 'laptop',
      projected: () => undefined,
      isReadOnly: this.isReadOnly,
      ...(this.sharing && { sharing: this.sharing }),
    })
    if (!(await isMarked(this.disk, this.folder, this.project.id)))
      await writeMarker(this.disk, this.folder, this.project.id)
    await this.folderOf.start()
    return this.folderOf
  }

  async stop(): Promise<void> {
    await this.folderOf?.close()
    if (!this.hasCrashed && this.isAlone) assert.equal(this.documents.opened, 0, 'every document is closed')
  }

  get tree(): Y.Map<TreeEntry> {
    return this.documents.doc(this.project.tree).getMap(sharedNames.files)
  }

  live(): Record<string, DocumentId> {
    return Object.fromEntries(
      [...this.tree.entries()]
        .filter(([, entry]) => entry.deletedAt === undefined)
        .map(([id, entry]) => [entry.path, id as DocumentId]),
    )
  }

  text(path: string): Y.Text {
    const id = this.live()[path]
    assert.ok(id, `${path} is in the tree: ${JSON.stringify(this.live())}`)
    return this.documents.doc(id).getText(sharedNames.content)
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, path)), { recursive: true })
    await writeFile(join(this.folder, path), text)
  }

  /** As an editor saves by rename, with nothing between its look at the file and the save: it holds no older text. */
  appendBySave(path: string, line: string): void {
    const file = join(this.folder, path)
    writeFileSync(`${file}~`, readFileSync(file, 'utf8') + line)
    renameSync(`${file}~`, file)
  }

  async rename(from: string, to: string): Promise<void> {
    await mkdir(dirname(join(this.folder, to)), { recursive: true })
    await rename(join(this.folder, from), join(this.folder, to))
  }

  unlink(path: string): Promise<void> {
    return unlink(join(this.folder, path))
  }

  /** Everything that was kept of deleted files. */
  async trashed(): Promise<string[]> {
    const folder = join(this.root, 'trash')
    const names = await readdir(folder).catch(() => [])
    return Promise.all(names.map(name => readFile(join(folder, name), 'utf8')))
  }

  /** Waits until file and document are the same and fulfil a condition. */
  async settled(path: string, check: (text: string) => boolean = () => true): Promise<void> {
    const same = async () => {
      const text = this.text(path).toString()
      return check(text) && (await this.read(path).catch(() => undefined)) === text
    }
    await until(`${path} settled`, same).catch(async thrown => {
      const file = await this.read(path).catch(() => 'none')
      assert.fail(`${thrown.message}\n${this.text(path)}\n--- file\n${file}\n---\n${this.problems.list().join('\n')}`)
    })
  }

  read(path: string): Promise<string> {
    return readFile(join(this.folder, path), 'utf8')
  }
}

export async function place(t: TestContext, disk: Disk = new NodeDisk()): Promise<Place> {
  const made = new Place(await mkdtemp(join(tmpdir(), 'meshbook-folder-')), disk)
  await mkdir(made.folder)
  t.after(async () => {
    await made.stop()
    await rm(made.root, { recursive: true, force: true })
  })
  return made
}
