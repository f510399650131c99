/**
 * The files of a project folder that are no notebooks: decides what a new, changed, moved or missing one means, here
 * and in the tree. Their content is read and fetched by others; how the tree syncs is not known here.
 */

import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, newId } from '@meshbook/core/ids.ts'
import type { AssetFileRow } from '../store/asset-files.ts'
import { AssetArrivals } from './asset-arrivals.ts'
import { type AssetEntry, isAssetPath, knows, type PlacedAsset, pastOf } from './asset-entry.ts'
import type { AssetFilePorts } from './asset-file-ports.ts'
import { AssetFollower } from './asset-follower.ts'
import { AssetIntake } from './asset-intake.ts'
import { AssetPlaces } from './asset-places.ts'
import { AssetReferences } from './asset-references.ts'
import { AssetRows } from './asset-rows.ts'
import { settleTwins } from './asset-twins.ts'
import { AssetView, markOf } from './asset-view.ts'
import { AssetWishes, type FetchState } from './asset-wishes.ts'
import type { Digest } from './big-files.ts'
import { type FileStamp, sameStamp } from './disk.ts'
import type { Arrival } from './leftovers.ts'
import type { ProjectTree } from './project-tree.ts'
import { Turns } from './turns.ts'

export interface FilesSeen {
  files: ReadonlyMap<string, FileStamp>
  /** False if there may be more. */
  isWhole: boolean
  notebooks: ReadonlyMap<string, FileStamp>
  arrivals: readonly Arrival[]
  /** How long a file must be away to count as deleted. */
  graceMs: number
}

export class AssetFiles {
  readonly #ports: AssetFilePorts
  readonly #view: AssetView
  readonly #places: AssetPlaces
  readonly #follower: AssetFollower
  readonly #intake: AssetIntake
  readonly #arrivals: AssetArrivals
  readonly #references: AssetReferences
  readonly #wishes: AssetWishes
  readonly #turns = new Turns()
  readonly #missingSince = new Map<DocumentId, number>()
  readonly #failed = new Set<string>()
  /** Files that nobody gets, because the user may only read. */
  readonly #staying = new Map<string, FileStamp>()
  #isFirst = true

  constructor(tree: ProjectTree, ports: AssetFilePorts, textAt: (path: string) => Promise<string | undefined>) {
    this.#ports = ports
    this.#view = new AssetView(tree, new AssetRows(ports.store))
    this.#places = new AssetPlaces(ports)
    this.#references = new AssetReferences(textAt)
    this.#intake = new AssetIntake(ports, {
      isLikelyKnown: path => this.#view.rows.at(path) !== undefined || this.#view.entryAt(path) !== undefined,
      taken: (path, digest, isStaged) => this.#turns.take(() => this.#taken(path, digest, isStaged)),
    })
    this.#arrivals = new AssetArrivals(ports, {
      wanted: id => this.#view.tree.assets().get(id),
      land: (id, entry, temporary) => this.#turns.take(() => this.#follower.land(id, entry, temporary)),
    })
    this.#wishes = new AssetWishes(ports, this.#view, this.#arrivals)
    this.#follower = new AssetFollower(this.#view, this.#places, (id, entry) => this.#arrivals.bring(id, entry))
  }

  /** Asks for the files at or below a path ('' is all) and tells how far they are; NOT_FOUND if there are none (DV58). */
  want(path: string): Promise<FetchState> {
    return this.#turns.take(async () => {
      const wishes = this.#wishes
      const state = await wishes.want(path)
      this.#ports.again()
      return state
    })
  }

  fetched(path: string): Promise<FetchState> {
    return this.#wishes.state(path)
  }

  load(): Promise<void> {
    return this.#view.rows.load()
  }

  /** Deals with what a look at the folder found; content is read and fetched afterwards. */
  pass(seen: FilesSeen): Promise<void> {
    return this.#turns.take(() => this.#pass(seen))
  }

  async close(): Promise<void> {
    await Promise.all([this.#intake.close(), this.#arrivals.close()])
    await this.#turns.settled()
  }

  async #pass(seen: FilesSeen): Promise<void> {
    const view = this.#view
    const { now, isReadOnly } = this.#ports
    if (this.#isFirst) await this.#places.recover(seen.arrivals, id => view.rows.get(id)?.path)
    view.saw(seen.files)
    if (!isReadOnly) await settleTwins(view.tree, view.rows, now(), (copy, path) => this.#places.tell(copy, path))
    view.sawTree()
    if (!isReadOnly) await this.#noticeMoves()
    this.#solveStaying()
    if (seen.isWhole) await this.#noticeDeletions(seen.graceMs)
    await this.#references.look(this.#unfetched(), seen.notebooks)
    await this.#followTree()
    this.#intake.offer(this.#changed())
    this.#places.solve(path => view.files.has(path) || !seen.isWhole)
    this.#isFirst = false
  }

  async #followTree(): Promise<void> {
    const { tree, rows } = this.#view
    for (const row of rows.all())
      if (!tree.assets().has(row.id)) await this.#guarded(row.path, () => this.#follower.followDeletion(row))
    for (const [id, entry] of tree.assets())
      if (isAssetPath(entry.path, entry.bytes))
        await this.#guarded(entry.path, () => this.#follower.follow(id, entry, this.#isWanted(entry)))
  }

  /** A file that fails holds up no other; it is tried again at the next look. */
  async #guarded(path: string, action: () => Promise<void>): Promise<void> {
    const about = join(this.#ports.root, path)
    try {
      await action()
      if (this.#failed.delete(path)) this.#ports.problems.solve(about)
    } catch (thrown) {
      this.#failed.add(path)
      this.#ports.problems.report(about, asMeshError(thrown))
    }
  }

  #isWanted(entry: PlacedAsset): boolean {
    return entry.bytes <= this.#ports.limits.fileFetchBytes || this.#references.has(entry.path)
  }

  /** The same file under another name; the tree first, so that a crash in between is seen as the same move again. */
  async #noticeMoves(): Promise<void> {
    const missing = this.#view.missing()
    if (missing.length === 0) return
    const unknown = new Map<string, string>()
    for (const [path, stamp] of this.#view.files) if (!this.#view.rows.at(path)) unknown.set(markOf(stamp), path)
    for (const row of missing) {
      const path = row.stamp ? unknown.get(markOf(row.stamp)) : undefined
      if (path === undefined || (this.#view.entryAt(path)?.[0] ?? row.id) !== row.id) continue
      await this.#movedHere(row, path, this.#view.files.get(path)!)
    }
  }

  async #movedHere(row: AssetFileRow, path: string, stamp: FileStamp): Promise<void> {
    const entry = this.#view.tree.asset(row.id)
    if (!entry) return
    // A crash left it under a name that it only had on its way to another.
    if (!path.includes(row.id)) this.#view.tree.putAsset(row.id, { ...entry, path })
    await this.#view.tree.peer.durable()
    await this.#view.rows.save({ ...row, path, stamp })
    this.#missingSince.delete(row.id)
  }

  async #noticeDeletions(graceMs: number): Promise<void> {
    const missing = this.#view.missing()
    const ids = new Set(missing.map(({ id }) => id))
    for (const id of this.#missingSince.keys()) if (!ids.has(id)) this.#missingSince.delete(id)
    for (const row of missing) {
      const { now, again } = this.#ports
      const since = this.#missingSince.get(row.id) ?? now()
      this.#missingSince.set(row.id, since)
      if (now() - since >= (this.#isFirst ? 0 : graceMs) && !this.#mayBeMoved(since)) await this.#deletedHere(row)
      else again(graceMs)
    }
  }

  /** A file that is being read may turn out to be the missing one. */
  #mayBeMoved(since: number): boolean {
    if (this.#ports.now() - since > this.#ports.limits.requestMs) return false
    if (!this.#isFirst) return !this.#intake.isIdle
    return [...this.#view.files.keys()].some(path => !this.#view.rows.at(path) && !this.#view.entryAt(path))
  }

  /** What was changed elsewhere meanwhile is not deleted. */
  async #deletedHere(row: AssetFileRow): Promise<void> {
    if (await this.#places.look(row.path)) return
    const entry = this.#view.tree.asset(row.id)
    if (entry?.asset === row.asset && !this.#ports.isReadOnly) this.#view.tree.bury(row.id, this.#ports.now())
    await this.#view.tree.peer.durable()
    await this.#view.rows.remove(row.id)
    this.#missingSince.delete(row.id)
  }

  /** New and changed files, up to what a folder may share. */
  #changed(): Map<string, FileStamp> {
    const { projectFilesBytes } = this.#ports.limits
    const { rows } = this.#view
    const documents = new Set(this.#view.tree.paths().values())
    let bytes = rows.all().reduce((sum, row) => sum + Number(row.stamp?.size ?? 0), 0)
    const changed = new Map<string, FileStamp>()
    for (const [path, stamp] of this.#view.files) {
      const row = rows.at(path)
      if (documents.has(path) || sameStamp(row?.stamp ?? undefined, stamp)) continue
      if (sameStamp(this.#staying.get(path), stamp)) continue
      bytes += Number(stamp.size) - Number(row?.stamp?.size ?? 0)
      if (bytes <= projectFilesBytes) changed.set(path, stamp)
    }
    this.#tellFull(bytes > projectFilesBytes)
    return changed
  }

  #tellFull(isFull: boolean): void {
    const { problems, root, limits } = this.#ports
    const about = `${root}: size of all files`
    const detail = `${root} holds more than ${limits.projectFilesBytes} bytes of files; list some in .gitignore`
    if (isFull) problems.report(about, new MeshError('TOO_LARGE', { detail }))
    else problems.solve(about)
  }

  /** True if the content is to be shared and needs a copy first. */
  async #taken(path: string, { asset, bytes, stamp }: Digest, isStaged: boolean): Promise<boolean> {
    if (!sameStamp((await this.#places.look(path))?.stamp, stamp)) return false
    const row = this.#view.rows.at(path)
    const [id, entry] = row ? [row.id, this.#view.tree.asset(row.id)] : (this.#view.entryAt(path) ?? [])
    const here = { path, stamp, asset }
    if (entry?.asset === asset)
      await this.#view.rows.save({ ...here, id: id!, own: row?.own === true && row.asset === asset })
    else if (row?.asset === asset) await this.#view.rows.save({ ...row, stamp })
    else if (!row && id && entry) await this.#found(id, entry, here)
    else if (row && entry && entry.asset !== row.asset) await this.#found(row.id, entry, here)
    else if (this.#ports.isReadOnly) await this.#stays(row, here)
    else if (!row && (await this.#movedByContent(here))) return false
    else if (!isStaged) return true
    else await this.#share(row?.id, entry, here, bytes)
    return false
  }

  async #found(id: DocumentId, entry: AssetEntry, here: Here): Promise<void> {
    if (knows(entry, here.asset) || this.#view.isKept(here.asset, here.path))
      await this.#view.rows.save({ ...here, id, own: false })
    else await this.#follower.conflict(id, here.path)
  }

  /** Nobody gets it: what was changed here is kept beside what comes from elsewhere. */
  async #stays(row: AssetFileRow | undefined, { path, stamp }: Here): Promise<void> {
    if (row) return this.#follower.conflict(row.id, path)
    this.#staying.set(path, stamp)
    const detail = `${path} is shared with nobody; the file stays on this device`
    this.#ports.problems.report(join(this.#ports.root, path), new MeshError('READ_ONLY', { detail }))
  }

  #solveStaying(): void {
    for (const path of this.#staying.keys())
      if (!this.#view.files.has(path) && this.#staying.delete(path))
        this.#ports.problems.solve(join(this.#ports.root, path))
  }

  async #movedByContent({ path, stamp, asset }: Here): Promise<boolean> {
    if (this.#missingSince.size === 0) return false
    const row = this.#view.missing().find(it => it.asset === asset && this.#view.tree.asset(it.id))
    if (row) await this.#movedHere(row, path, stamp)
    return row !== undefined
  }

  /** The tree first: a crash in between finds the same content, and reads it once more. */
  async #share(known: DocumentId | undefined, entry: AssetEntry | undefined, here: Here, bytes: number): Promise<void> {
    const { now, random, device } = this.#ports
    const id = known ?? newId('document', now(), random)
    const past = entry ? pastOf(entry) : []
    this.#view.tree.putAsset(id, {
      path: entry?.path ?? here.path,
      asset: here.asset,
      bytes,
      by: device,
      at: now(),
      past,
    })
    await this.#view.tree.peer.durable()
    await this.#view.rows.save({ ...here, id, own: true })
  }

  #unfetched(): Set<string> {
    const { fileFetchBytes } = this.#ports.limits
    const large = [...this.#view.tree.assets()].filter(
      ([id, it]) => it.bytes > fileFetchBytes && !this.#view.rows.get(id),
    )
    return new Set(large.map(([, { path }]) => path))
  }
}

type Here = Pick<AssetFileRow, 'path'> & { stamp: FileStamp; asset: NonNullable<AssetFileRow['asset']> }
