/**
 * A project attached to a folder: decides which file belongs to which document, and what a new, moved or missing file
 * means. Reading and writing the content is the part of `TrackedFile`; how documents sync is not known here.
 */
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, newId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { DocumentPeer } from '../document-peer.ts'
import { headOf, type Projection, type ProjectionHead } from '../store/projections.ts'
import { isNotebookPath } from './asset-entry.ts'
import type { AssetSharing } from './asset-file-ports.ts'
import { AssetFiles, type FilesSeen } from './asset-files.ts'
import { Debounce } from './debounce.ts'
import { checkMarker } from './folder-marker.ts'
import type { FolderPorts } from './folder-ports.ts'
import { FolderWatcher } from './folder-watcher.ts'
import { matchMoves, moveTo } from './moves.ts'
import { readNotebookFile } from './notebook-file.ts'
import { ProjectTree } from './project-tree.ts'
import { safeJoin } from './safe-join.ts'
import { type Scan, scanFolder } from './scan-folder.ts'
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
  readonly #assets: AssetFiles | undefined
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
    this.#assets = ports.sharing && this.#shareFiles(ports.sharing)
  }

  #shareFiles(sharing: AssetSharing): AssetFiles {
    const again = (ms = 0) => (ms === 0 ? this.#pass.request() : this.#tracked.later(ms, () => this.#pass.request()))
    const ports = { ...this.#ports, ...sharing, root: this.root, again }
    return new AssetFiles(this.#tree, ports, path => this.#textAt(path))
  }

  /** Resolves once every file that is there has its document. */
  async start(): Promise<void> {
    await this.#tree.peer.ready
    await this.#ports.treeKnown(this.#tree.peer)
    if (this.#closed) return
    await this.#loadUntilDone()
    if (this.#closed) return
    this.#tree.observe(() => this.#pass.request())
    this.#scanRegularly()
    await this.rescan()
  }

  /** A disk that fails while the device starts must not leave the folder alone for good. */
  async #loadUntilDone(): Promise<void> {
    while (!this.#closed) {
      try {
        return await this.#load()
      } catch (thrown) {
        if (this.#closed) return
        this.#ports.problems.report(this.root, asMeshError(thrown))
        await new Promise<void>(resolve => this.#ports.after(retryMs, resolve))
      }
    }
  }

  async #load(): Promise<void> {
    for (const row of await this.#ports.store.list()) {
      if (row.gone) this.#gone.set(row.document, row)
      else if (!this.#tracked.has(row.document)) this.#tracked.know(row, true)
    }
    await this.#assets?.load()
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
    await this.#assets?.close()
    await this.#tracked.close()
    await Promise.all([...this.#coming.values(), this.#tree.peer].map(peer => peer.close()))
  }

  async #onePass(): Promise<void> {
    await checkMarker(this.#ports.disk, this.root, this.project.id)
    const scan = await this.#scan()
    if (!this.#watcher.follow(scan.folders))
      this.#tracked.later(this.#ports.limits.fileMaxWaitMs, () => this.#pass.request())
    const problems = new Map(scan.refused)
    if (scan.hasMoreFiles) problems.set('(all files)', tooManyFiles(this.root, this.#ports.limits.projectFiles))
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
    await this.#assets?.pass(this.#filesOf(scan))
    this.#isFirst = false
  }

  /** With the notebooks that are too large to be documents. */
  #filesOf(scan: Scan): FilesSeen {
    const { limits } = this.#ports
    const documents = new Set([...this.#tracked.files().map(file => file.path), ...this.#tree.paths().values()])
    const large = [...scan.notebooks].filter(([path, { size }]) => size > limits.fileBytes && !documents.has(path))
    return {
      files: new Map([...scan.files, ...large]),
      isWhole: !scan.hasMoreFiles,
      notebooks: scan.notebooks,
      arrivals: scan.arrivals,
      graceMs: goneAfterQuietTimes * limits.fileDebounceMs,
    }
  }

  /** A crash may have left a file without its name: it gets it back before anybody looks for it. */
  async #scan(): Promise<Scan> {
    const { documentsPerProject, projectFiles } = this.#ports.limits
    const caps = { documents: documentsPerProject, folders: mostFolders, files: this.#assets ? projectFiles : 0 }
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
    const candidates = [...this.#unknown(scan), ...this.#reached(missing, scan)]
    for (const [file, path] of await matchMoves(missing, candidates, scan, path => this.#textAt(path))) {
      await file.moved(path)
      if (this.#tree.paths().get(file.id) !== path) this.#tree.put(file.id, path)
    }
    await this.#tree.peer.durable()
  }

  /** Where the tree wants missing files and something stands: a move may have been cut off before it was noted. */
  #reached(missing: readonly TrackedFile[], scan: Scan): string[] {
    const paths = this.#tree.paths()
    const taken = new Set(this.#tracked.files().map(file => file.path))
    return missing.flatMap(file => {
      const path = paths.get(file.id)
      return path !== undefined && scan.notebooks.has(path) && !taken.has(path) ? [path] : []
    })
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
      await this.#takeNewFile(path, goneAt).catch((thrown: unknown) => {
        const error = asMeshError(thrown)
        problems.set(path, error)
        // A failing disk tells no folder event when it is well again.
        if (error.entry.retry === 'backoff') this.#tracked.later(retryMs, () => this.#pass.request())
      })
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

function tooManyFiles(root: string, most: number): MeshError {
  const detail = `${root} has more than ${most} files; the rest stays on this device. List some in .gitignore`
  return new MeshError('TOO_MANY', { detail })
}
