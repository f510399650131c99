/**
 * A project attached to a folder: decides which file belongs to which document, and what a new, moved or missing file
 * means. Reading and writing the content is the part of `TrackedFile`; how documents sync is not known here.
 */
import { join } from 'node:path'
import { asMeshError, type MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, newId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { DocumentPeer } from '../document-peer.ts'
import { headOf, type Projection, type ProjectionHead } from '../store/projections.ts'
import { Debounce } from './debounce.ts'
import { checkMarker } from './folder-marker.ts'
import type { FolderPorts } from './folder-ports.ts'
import { FolderWatcher } from './folder-watcher.ts'
import { matchMoves, moveTo } from './moves.ts'
import { readNotebookFile } from './notebook-file.ts'
import { ProjectTree } from './project-tree.ts'
import { safeJoin } from './safe-join.ts'
import { isNotebookPath, type Scan, scanFolder } from './scan-folder.ts'
import { sideBySide } from './side-by-side.ts'
import type { TrackedFile } from './tracked-file.ts'
import { TrackedFiles } from './tracked-files.ts'
import { Turns } from './turns.ts'

/** A file that vanished counts as deleted after so many quiet times; programs that save by renaming need less. */
const goneAfterQuietTimes = 5
/** Between scans that nothing asked for: for what the system did not tell. */
const scanEveryMs = 10_000
const retryMs = 1_000
const mostFolders = 20_000
/** Files that are dealt with at a time. */
const width = 32
export class ProjectFolder {
  readonly project: ProjectInfo
  readonly root: string
  readonly #ports: FolderPorts
  readonly #tree: ProjectTree
  readonly #tracked: TrackedFiles
  /** Rows of documents that were deleted with their files: the same path brings them back. */
  readonly #gone = new Map<DocumentId, ProjectionHead>()
  /** Documents that are open and wait for their content. */
  readonly #coming = new Map<DocumentId, DocumentPeer>()
  /** Documents that the tree names and that are not open yet. */
  #wanted: DocumentId[] = []
  readonly #missingSince = new Map<DocumentId, number>()
  readonly #turns = new Turns()
  readonly #watcher: FolderWatcher
  readonly #pass: Debounce
  #reported = new Set<string>()
  #isFirst = true
  #stopInterval: (() => void) | undefined
  #closed = false

  constructor(project: ProjectInfo, root: string, ports: FolderPorts) {
    this.project = project
    this.root = root
    this.#ports = ports
    this.#tree = new ProjectTree(ports.open(project.tree))
    const { fileDebounceMs, fileMaxWaitMs } = ports.limits
    this.#pass = new Debounce(ports.after, fileDebounceMs, fileMaxWaitMs, () => void this.rescan())
    this.#watcher = new FolderWatcher(ports.disk, () => this.#pass.request())
    this.#tracked = new TrackedFiles(root, ports, () => this.#pass.request())
  }

  /** Resolves once every file that is there has its document. */
  async start(): Promise<void> {
    await this.#tree.peer.ready
    await this.#ports.treeKnown(this.#tree.peer)
    if (this.#closed) return
    for (const row of await this.#ports.store.list()) {
      if (row.gone) this.#gone.set(row.document, row)
      else this.#tracked.know(row, true)
    }
    this.#tree.observe(() => this.#pass.request())
    this.#scanRegularly()
    await this.rescan()
  }

  #scanRegularly(): void {
    if (this.#closed) return
    this.#stopInterval = this.#ports.after(scanEveryMs, () => {
      this.#pass.request()
      this.#scanRegularly()
    })
  }

  /** Looks at the folder now; resolves when all that was found has been dealt with. */
  rescan(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#closed) return
      try {
        await this.#onePass()
        this.#ports.problems.solve(this.root)
      } catch (thrown) {
        this.#ports.problems.report(this.root, asMeshError(thrown))
        this.#tracked.later(retryMs, () => this.#pass.request())
      }
    })
  }

  /** Writes what is not written yet and lets go of everything. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stopInterval?.()
    this.#pass.stop()
    this.#watcher.close()
    await this.#turns.settled()
    await this.#tracked.close()
    await Promise.all([...this.#coming.values(), this.#tree.peer].map(peer => peer.close()))
  }

  async #onePass(): Promise<void> {
    await checkMarker(this.#ports.disk, this.root, this.project.id)
    const scan = await this.#scan()
    if (!this.#watcher.follow(scan.folders))
      this.#tracked.later(this.#ports.limits.fileMaxWaitMs, () => this.#pass.request())
    const problems = new Map(scan.refused)
    await this.#noticeMoves(scan)
    await this.#noticeDeletions(scan)
    await this.#followTree()
    await this.#takeNewFiles(scan, problems)
    this.#tellProblems(problems)
    const changed = this.#tracked.files().filter(file => {
      const stamp = scan.notebooks.get(file.path)
      return !stamp || file.changedSince(stamp)
    })
    await sideBySide(changed, width, async file => {
      await this.#tracked.reconcile(file)
      await this.#tracked.room()
    })
    this.#isFirst = false
  }

  /** A crash may have left a file without its name: it gets it back before anybody looks for it. */
  async #scan(): Promise<Scan> {
    const caps = { documents: this.#ports.limits.documentsPerProject, folders: mostFolders }
    const scan = await scanFolder(this.#ports.disk, this.root, caps)
    let isChanged = false
    await sideBySide(this.#tracked.files(), width, async file => {
      const leftovers = scan.leftovers.get(file.id)
      if (!leftovers) return
      await this.#tracked.guarded(file, async () => {
        const hasRecovered = await file.recover(leftovers)
        isChanged ||= hasRecovered
      })
    })
    this.#tracked.lookAtDue()
    return isChanged ? scanFolder(this.#ports.disk, this.root, caps) : scan
  }

  #tellProblems(problems: ReadonlyMap<string, MeshError>): void {
    for (const path of this.#reported) if (!problems.has(path)) this.#ports.problems.solve(join(this.root, path))
    for (const [path, error] of problems) this.#ports.problems.report(join(this.root, path), error)
    this.#reported = new Set(problems.keys())
  }

  #missing(scan: Scan): TrackedFile[] {
    return this.#tracked
      .files()
      .filter(file => file.exists && !scan.notebooks.has(file.path) && !scan.refused.has(file.path))
  }

  /** Paths of files that belong to no document yet. */
  #unknown(scan: Scan): string[] {
    const known = new Set([...this.#tracked.files().map(file => file.path), ...this.#tree.paths().values()])
    return [...scan.notebooks.keys()].filter(path => !known.has(path))
  }

  async #noticeMoves(scan: Scan): Promise<void> {
    const missing = this.#missing(scan)
    if (missing.length === 0) return
    for (const [file, path] of await matchMoves(missing, this.#unknown(scan), scan, path => this.#textAt(path))) {
      await file.moved(path)
      this.#tree.put(file.id, path)
    }
    await this.#tree.peer.durable()
  }

  async #textAt(path: string): Promise<string | undefined> {
    const { disk, limits } = this.#ports
    return (await readNotebookFile(disk, await safeJoin(disk, this.root, path), limits.fileBytes))?.text
  }

  /** A vanished file is deleted if it stays away; at the first look after a start it has been away long enough. */
  async #noticeDeletions(scan: Scan): Promise<void> {
    const { now, limits } = this.#ports
    const graceMs = goneAfterQuietTimes * limits.fileDebounceMs
    const missing = this.#missing(scan)
    const ids = new Set(missing.map(file => file.id))
    for (const id of this.#missingSince.keys()) if (!ids.has(id)) this.#missingSince.delete(id)
    await sideBySide(missing, width, async file => {
      const since = this.#missingSince.get(file.id) ?? now()
      this.#missingSince.set(file.id, since)
      if (this.#isFirst || now() - since >= graceMs) await this.#deletedHere(file)
      else this.#tracked.later(graceMs, () => this.#pass.request())
    })
    if (missing.length > 0) await this.#tree.peer.durable()
  }

  async #deletedHere(file: TrackedFile): Promise<void> {
    await this.#ports.trash.keep(file.path, await file.text())
    this.#gone.set(file.id, { ...headOf(await file.markGone()), isDue: true })
    this.#tree.bury(file.id, this.#ports.now())
    await this.#forget(file)
  }

  async #forget(file: TrackedFile): Promise<void> {
    this.#tracked.forget(file)
    this.#missingSince.delete(file.id)
    await file.close()
  }

  /** Brings files to where the tree says that they belong. */
  async #followTree(): Promise<void> {
    const paths = this.#tree.paths()
    for (const file of this.#tracked.files()) {
      const path = paths.get(file.id)
      if (path === undefined)
        await this.#tracked.guarded(file, () =>
          this.#tree.has(file.id) ? this.#deletedElsewhere(file) : this.#enter(file),
        )
      else if (path !== file.path && !this.#missingSince.has(file.id))
        await this.#tracked.guarded(file, () => this.#move(file, path))
    }
    this.#wanted = [...paths].flatMap(([id, path]) =>
      !this.#tracked.has(id) && !this.#coming.has(id) && isNotebookPath(path) ? [id] : [],
    )
    this.#bringMore()
  }

  /** A crash came between storing the new document and naming it in the tree. */
  async #enter(file: TrackedFile): Promise<void> {
    this.#tree.put(file.id, file.path)
    await this.#tree.peer.durable()
  }

  async #deletedElsewhere(file: TrackedFile): Promise<void> {
    await this.#tracked.reconcile(file)
    if (file.exists && (await this.#textAt(file.path)) !== undefined)
      await this.#ports.trash.move(await safeJoin(this.#ports.disk, this.root, file.path))
    await this.#ports.store.remove(file.id)
    await this.#forget(file)
  }

  async #move(file: TrackedFile, path: string): Promise<void> {
    await this.#tracked.reconcile(file)
    const inTheWay = this.#tracked.files().find(other => other !== file && other.path === path)
    await moveTo(file, path, { disk: this.#ports.disk, root: this.root, inTheWay, trash: this.#ports.trash })
  }

  /** Not more at a time than may be held in memory. */
  #bringMore(): void {
    while (this.#coming.size < this.#ports.limits.documentsAwake) {
      const id = this.#wanted.shift()
      if (id === undefined) return
      this.#bring(id)
    }
  }

  /** Opens a document that the tree names, and gives it a file once its content is here. */
  #bring(id: DocumentId): void {
    const peer = this.#ports.open(id)
    this.#coming.set(id, peer)
    void peer.replaced?.then(async () => {
      if (this.#coming.get(id) !== peer || this.#closed) return
      this.#coming.delete(id)
      await peer.close()
      if (!this.#closed) this.#bring(id)
    })
    const arrive = async () => {
      await peer.ready
      await peer.synced
      await this.#turns.take(async () => {
        if (this.#coming.get(id) === peer) await this.#arrive(id, peer)
      })
      await this.#tracked.room()
      this.#bringMore()
    }
    arrive().catch(thrown => {
      const isReplaced = this.#coming.get(id) !== peer
      if (!isReplaced) this.#ports.problems.report(id, asMeshError(thrown))
    })
  }

  async #arrive(id: DocumentId, peer: DocumentPeer): Promise<void> {
    const path = this.#tree.paths().get(id)
    if (this.#closed) return
    this.#coming.delete(id)
    if (path === undefined) return peer.close()
    this.#gone.delete(id)
    const file = await this.#tracked.begin(peer, this.#newRow(id, path), false)
    await this.#tracked.reconcile(file)
  }

  #newRow(document: DocumentId, path: string): Projection {
    // Below 2^31, so that no encoding of the number needs more than five bytes.
    const client = (new DataView(this.#ports.random(4).slice().buffer).getUint32(0) >>> 1) + 1
    const base = { text: '', snapshot: null }
    return {
      document,
      project: this.project.id,
      path,
      client,
      version: 0,
      before: null,
      base,
      past: [],
      merge: null,
      inode: null,
      stamp: null,
      position: 0,
      gone: false,
    }
  }

  async #takeNewFiles(scan: Scan, problems: Map<string, MeshError>): Promise<void> {
    const unknown = this.#unknown(scan)
    const goneAt = new Map([...this.#gone.values()].map(row => [row.path, row]))
    await sideBySide(unknown, width, async path => {
      await this.#takeNewFile(path, goneAt).catch(thrown => problems.set(path, asMeshError(thrown)))
      await this.#tracked.room()
    })
    if (unknown.length > 0) await this.#tree.peer.durable()
  }

  async #takeNewFile(path: string, goneAt: ReadonlyMap<string, ProjectionHead>): Promise<void> {
    if ((await this.#textAt(path)) === undefined) return
    const known = goneAt.get(path)
    const id = known?.document ?? newId('document', this.#ports.now(), this.#ports.random)
    this.#gone.delete(id)
    const row = known ? { ...(await this.#ports.store.load(id)), gone: false } : this.#newRow(id, path)
    const file = await this.#tracked.begin(this.#ports.open(id), row, known !== undefined)
    await file.reconcile()
    this.#tree.put(id, path)
  }
}
