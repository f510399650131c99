/**
 * A project attached to a folder: decides which file belongs to which document, and what a new, moved or missing file
 * means. Reading and writing the content is the part of `TrackedFile`; how documents sync is not known here.
 */
import { basename, join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { DocumentPeer } from '../document-peer.ts'
import { Arrivals } from './arrivals.ts'
import { isNotebookPath } from './asset-entry.ts'
import type { AssetSharing } from './asset-file-ports.ts'
import { AssetFiles, type FilesSeen } from './asset-files.ts'
import type { FetchState } from './asset-wishes.ts'
import { conflictOf } from './conflict-copies.ts'
import { Debounce } from './debounce.ts'
import { DiskNames, unusableName } from './disk-names.ts'
import { checkMarker } from './folder-marker.ts'
import type { FolderPorts } from './folder-ports.ts'
import { FolderWatcher } from './folder-watcher.ts'
import { MissingFiles, missingFrom, reachedBy } from './missing-files.ts'
import { matchMoves, moveTo } from './moves.ts'
import { NewFiles } from './new-files.ts'
import { readNotebookFile } from './notebook-file.ts'
import { ProjectTree } from './project-tree.ts'
import { putBack } from './put-back.ts'
import { safeJoin } from './safe-join.ts'
import { type Scan, scanFolder } from './scan-folder.ts'
import { sideBySide } from './side-by-side.ts'
import { ToldProblems } from './told-problems.ts'
import type { TrackedFile } from './tracked-file.ts'
import { TrackedFiles } from './tracked-files.ts'
import { deletedWhileEdited, type Origin } from './trash.ts'
import { Turns } from './turns.ts'

/** A file that vanished counts as deleted after so many quiet times; programs that save by renaming need less. */
const goneAfterQuietTimes = 5
/** Between scans that nothing asked for: for what the system did not tell. */
const scanEveryMs = 10_000
const retryMs = 1_000
const mostFolders = 20_000
/** Files that are dealt with at a time. */
const width = 32

export interface FolderProgress {
  documents: number
  here: number
}

export class ProjectFolder {
  readonly project: ProjectInfo
  readonly root: string
  readonly #ports: FolderPorts
  readonly #tree: ProjectTree
  readonly #tracked: TrackedFiles
  readonly #assets: AssetFiles | undefined
  readonly #newFiles: NewFiles
  readonly #arrivals: Arrivals
  readonly #names = new DiskNames()
  readonly #away: MissingFiles
  readonly #turns = new Turns()
  readonly #watcher: FolderWatcher
  readonly #pass: Debounce
  readonly #told: ToldProblems
  /** Paths whose files are still those of documents that the tree has elsewhere or no more. */
  #unleft: ReadonlySet<string> = new Set()
  #isFirst = true
  #stopInterval: (() => void) | undefined
  #closed = false

  constructor(project: ProjectInfo, root: string, ports: FolderPorts) {
    this.project = project
    this.root = root
    this.#ports = ports
    this.#tree = new ProjectTree(ports.open(project.tree), this.#names)
    const waits = { quietMs: ports.limits.fileDebounceMs, longestMs: ports.limits.fileMaxWaitMs }
    this.#pass = new Debounce(
      ports.after,
      () => waits,
      () => void this.rescan(),
    )
    this.#watcher = new FolderWatcher(ports.disk, () => this.#pass.request())
    this.#tracked = new TrackedFiles(root, this.#names, ports, () => this.#pass.request())
    this.#told = new ToldProblems(ports.problems, root)
    this.#away = new MissingFiles(ports.now)
    this.#newFiles = new NewFiles({
      ...ports,
      project: project.id,
      names: this.#names,
      tree: this.#tree,
      tracked: this.#tracked,
      textAt: path => this.#textAt(path),
      lookAgain: () => this.#pass.request(),
    })
    this.#arrivals = new Arrivals(ports, async (id, peer) => {
      await this.#turns.take(() => this.#arrive(id, peer))
      await this.#tracked.room()
    })
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
    const failed = (thrown: unknown) => this.#ports.problems.report(this.root, asMeshError(thrown))
    while (!this.#closed && !(await this.#load().then(() => true, failed)))
      await new Promise<void>(resolve => this.#ports.after(retryMs, resolve))
  }

  async #load(): Promise<void> {
    for (const row of await this.#ports.store.list()) {
      if (row.gone) this.#newFiles.knowGone(row)
      else if (!this.#tracked.has(row.document)) this.#tracked.know(row, row.isMade)
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

  /** Puts a deleted file back, with its document if that is buried; never in the place of another. Returns its path. */
  restore({ path, document }: Origin, bytes: Uint8Array): Promise<string> {
    return this.#turns.take(async () => {
      if (this.#ports.isReadOnly) throw new MeshError('READ_ONLY', { detail: `the project ${this.project.name}` })
      await checkMarker(this.#ports.disk, this.root, this.project.id)
      const restored = await putBack(this.#ports.disk, this.root, this.#names, path, bytes)
      await this.#newFiles.restoring(restored, document, () => this.#onePass())
      return restored
    })
  }

  /** Asks for the files at or below a path of the project, or only tells how far they are; UNREACHABLE without a hub. */
  async fetch(path: string, isNew: boolean): Promise<FetchState> {
    if (!this.#assets) throw new MeshError('UNREACHABLE', { detail: 'this device has no hub' })
    if (!isNew) return this.#assets.fetched(path)
    await checkMarker(this.#ports.disk, this.root, this.project.id)
    return this.#assets.want(path)
  }

  /** How many documents the tree names, and how many of them have their file (DV108). */
  progress(): FolderProgress {
    const ids = [...this.#tree.paths().keys()]
    const files = new Map(this.#tracked.files().map(file => [file.id, file]))
    return { documents: ids.length, here: ids.filter(id => files.get(id)?.exists).length }
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
    await Promise.all([this.#arrivals.close(), this.#tree.peer.close()])
  }

  async #onePass(): Promise<void> {
    await checkMarker(this.#ports.disk, this.root, this.project.id)
    if (this.#isFirst) await this.#names.probe(this.#ports.disk, this.root)
    const scan = await this.#scan()
    if (!this.#watcher.follow(scan.folders))
      this.#tracked.later(this.#ports.limits.fileMaxWaitMs, () => this.#pass.request())
    const problems = new Map(scan.refused)
    if (scan.hasMoreFiles) problems.set('(all files)', tooManyFiles(this.root, this.#ports.limits.projectFiles))
    const missing = await this.#away.from(scan, this.#tracked.files(), this.#names)
    if (!this.#ports.isReadOnly) await this.#noticeMoves(scan, missing)
    await this.#noticeDeletions(missingFrom(scan, missing))
    await this.#followTree()
    if (this.#ports.isReadOnly) for (const path of this.#unknown(scan)) problems.set(path, staysHere(path))
    else await this.#newFiles.takeAll(this.#unknown(scan), problems)
    for (const [id, path] of this.#tree.refused()) problems.set(id, unusableName(path))
    this.#told.tell(problems)
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
    const scan = await this.#look()
    const isChanged = await this.#tracked.recover(scan.leftovers)
    this.#tracked.lookAtDue()
    return isChanged ? this.#look() : scan
  }

  async #look(): Promise<Scan> {
    const { documentsPerProject, projectFiles } = this.#ports.limits
    const caps = { documents: documentsPerProject, folders: mostFolders, files: this.#assets ? projectFiles : 0 }
    const known = new Map<string, string | null>()
    for (const path of this.#tree.paths().values()) known.set(path, null)
    const tracked = this.#tracked.files()
    for (const file of tracked) known.set(file.path, file.inode)
    this.#away.begin(tracked)
    const scan = await scanFolder(this.#ports.disk, this.root, caps, known, this.#names)
    this.#names.learn(
      scan.spelled,
      tracked.map(file => file.path),
    )
    return scan
  }

  /** Paths of files that belong to no document yet. */
  #unknown(scan: Scan): string[] {
    const known = new Set([...this.#tracked.files().map(file => file.path), ...this.#tree.paths().values()])
    return [...scan.notebooks.keys()].filter(path => !known.has(path))
  }

  async #noticeMoves(scan: Scan, missing: readonly TrackedFile[]): Promise<void> {
    if (missing.length === 0) return
    const candidates = [...this.#unknown(scan), ...reachedBy(missing, this.#tree.paths(), this.#tracked.files(), scan)]
    for (const [file, path] of await matchMoves(missing, candidates, scan, path => this.#textAt(path))) {
      await file.moved(path)
      if (this.#tree.paths().get(file.id) !== path) this.#tree.put(file.id, path)
    }
    await this.#tree.peer.durable()
  }

  async #textAt(path: string): Promise<string | undefined> {
    return (await readNotebookFile(this.#ports.disk, await this.#at(path), this.#ports.limits.fileBytes))?.text
  }

  #at(path: string): Promise<string> {
    return safeJoin(this.#ports.disk, this.root, path, this.#names)
  }

  /** A vanished file is deleted if it stays away; at the first look after a start it has been away long enough. */
  async #noticeDeletions(missing: readonly TrackedFile[]): Promise<void> {
    const graceMs = goneAfterQuietTimes * this.#ports.limits.fileDebounceMs
    this.#away.note(missing)
    await sideBySide(missing, width, async file => {
      if (this.#isFirst || this.#away.awayMs(file) >= graceMs) await this.#deletedHere(file)
      else this.#tracked.later(graceMs, () => this.#pass.request())
    })
    if (missing.length > 0) await this.#tree.peer.durable()
  }

  /** Where the user may only read, it comes back. */
  async #deletedHere(file: TrackedFile): Promise<void> {
    if (this.#ports.isReadOnly) {
      await this.#ports.store.remove(file.id)
      return this.#forget(file)
    }
    await this.#ports.trash.keep(await file.text(), { path: file.path, document: file.id })
    await this.#newFiles.markGone(file)
    this.#tree.bury(file.id, this.#ports.now())
    await this.#forget(file)
  }

  async #forget(file: TrackedFile): Promise<void> {
    this.#tracked.forget(file)
    this.#away.forget(file)
    await file.close()
  }

  /** Brings files to where the tree says that they belong. */
  async #followTree(): Promise<void> {
    const paths = this.#tree.paths()
    const again = () => this.#pass.request()
    for (const file of this.#tracked.files()) {
      const path = paths.get(file.id)
      if (path === undefined) {
        const leave = () => (this.#tree.has(file.id) ? this.#deletedElsewhere(file) : this.#newFiles.enter(file))
        await this.#tracked.guarded(file, leave, again)
      } else if (path !== file.path && !this.#away.has(file))
        await this.#tracked.guarded(file, () => this.#move(file, path), again)
    }
    const staying = this.#tracked.files().filter(file => file.path !== paths.get(file.id) && !this.#away.has(file))
    this.#unleft = new Set(staying.map(file => this.#names.key(file.path)))
    const isMissing = (id: DocumentId) => !this.#tracked.has(id) && !this.#arrivals.has(id)
    const mayCome = (path: string) => isNotebookPath(path) && !this.#unleft.has(this.#names.key(path))
    this.#arrivals.want([...paths].flatMap(([id, path]) => (isMissing(id) && mayCome(path) ? [id] : [])))
  }

  /** Who edited it after that, or did not know of it, is told where the edit is. */
  async #deletedElsewhere(file: TrackedFile): Promise<void> {
    const { trash, problems, store } = this.#ports
    const isEdited = file.exists && (await file.editedAfter(this.#tree.buriedAt(file.id) ?? 0))
    await this.#tracked.reconcile(file)
    if (file.exists && (await this.#textAt(file.path)) !== undefined) {
      const kept = await trash.move(await this.#at(file.path), { path: file.path, document: file.id })
      const place = { file: join(this.root, file.path), trash: basename(kept) }
      if (isEdited) problems.report(kept, deletedWhileEdited(place.file, kept), place)
    }
    await store.remove(file.id)
    await this.#forget(file)
  }

  async #move(file: TrackedFile, path: string): Promise<void> {
    await this.#tracked.reconcile(file)
    const inTheWay = this.#tracked.files().find(other => other !== file && this.#names.areOne(other.path, path))
    const { disk, trash } = this.#ports
    await moveTo(file, path, { disk, root: this.root, names: this.#names, inTheWay, trash })
  }

  /** Gives a document that the tree names a file, now that its content is here. */
  async #arrive(id: DocumentId, peer: DocumentPeer): Promise<void> {
    const path = this.#tree.paths().get(id)
    if (this.#closed) return
    this.#arrivals.done(id)
    if (path === undefined || this.#unleft.has(this.#names.key(path))) return peer.close()
    await this.#newFiles.bring(peer, path)
  }
}

function tooManyFiles(root: string, most: number): MeshError {
  const detail = `${root} has more than ${most} files; the rest stays on this device. List some in .gitignore`
  return new MeshError('TOO_MANY', { detail })
}

function staysHere(path: string): MeshError {
  const original = conflictOf(path)
  const what =
    original === undefined ? `${path} is shared with nobody` : `${path} has what was changed here in ${original}`
  return new MeshError('READ_ONLY', { detail: `${what}; the file stays on this device` })
}
