/** The folders of this machine that are attached to projects: remembered over restarts, each followed by its `ProjectFolder`. */
import { join, resolve } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, DocumentId, Now, OrgId, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { After } from '@meshbook/relay/timers.ts'
import { AssetsBeside } from './assets/assets-beside.ts'
import { PicturesBeside } from './assets/pictures-beside.ts'
import type { DocumentPeer } from './document-peer.ts'
import type { Documents } from './documents.ts'
import type { Problems } from './problems.ts'
import type { AssetSharing } from './projects/asset-file-ports.ts'
import type { FetchState } from './projects/asset-wishes.ts'
import type { Disk } from './projects/disk.ts'
import { isMarked, removeMarker, writeMarker } from './projects/folder-marker.ts'
import { type FolderProgress, ProjectFolder } from './projects/project-folder.ts'
import { Trash, type TrashEntry, TrashFolder } from './projects/trash.ts'
import { Turns } from './projects/turns.ts'
import type { AssetFileRow } from './store/asset-files.ts'
import type { Attachment } from './store/attachments.ts'
import type { DeviceStore } from './store/device-store.ts'

export interface AttachmentPorts {
  disk: Disk
  now: Now
  after: After
  random: RandomBytes
  limits: Limits
  org: OrgId
  database: DeviceStore
  documents: Documents
  problems: Problems
  hasHub: boolean
  /** Folder for deleted files. */
  trash: string
  deviceName: string
  findAsset(asset: AssetId): Promise<Uint8Array>
  keepAsset(project: ProjectId, asset: AssetId, bytes: Uint8Array): Promise<boolean>
  /** Whether the user of this device may write in a project (DV107). */
  mayWrite(project: ProjectId): boolean
  /** How files that are no notebooks are shared; absent without a hub. */
  sharing?: ProjectSharing
}

/** What is staged is for a project. */
export type ProjectSharing = Omit<AssetSharing, 'store' | 'stage'> & {
  stage(project: ProjectId, ...file: Parameters<AssetSharing['stage']>): ReturnType<AssetSharing['stage']>
}

interface Attached extends Attachment {
  isReadOnly: boolean
  follower: ProjectFolder
}

export class Attachments {
  readonly #ports: AttachmentPorts
  readonly #attached = new Map<ProjectId, Attached>()
  readonly #turns = new Turns()
  readonly #trash: TrashFolder

  constructor(ports: AttachmentPorts) {
    this.#ports = ports
    this.#trash = new TrashFolder(ports.disk, ports.trash, ports.now, ports.limits)
  }

  /** Goes on with what was attached before; a folder that is not there now is waited for. */
  async load(): Promise<void> {
    await this.#trash.tidy()
    for (const { project, folder, treeSynced } of await this.#ports.database.query('listAttachments', {
      org: this.#ports.org,
    })) {
      this.#begin(this.#follow(project, folder, treeSynced))
    }
  }

  #begin({ project, folder, follower }: Attached): void {
    follower.start().catch(thrown => {
      if (this.#attached.get(project.id)?.follower === follower)
        this.#ports.problems.report(folder, asMeshError(thrown))
    })
  }

  /** What the hub says of it now: what it is called, and whether its user may write. Its folder goes on from what it has. */
  update({ id, name, owner, tree }: ProjectInfo): Promise<void> {
    return this.#turns.take(async () => {
      const attached = this.#attached.get(id)
      if (!attached) return
      attached.project = { id, name, owner, tree }
      if (attached.isReadOnly !== this.#ports.mayWrite(id)) return
      await attached.follower.close()
      this.#begin(this.#follow(attached.project, attached.folder, false))
    })
  }

  progressOf(project: ProjectId): FolderProgress | undefined {
    return this.#attached.get(project)?.follower.progress()
  }

  /** `saved`: it is remembered; `started`: every notebook in the folder has its document. */
  attach(project: ProjectInfo, folder: string): { saved: Promise<void>; started: Promise<void> } {
    const saved = this.#turns.take(() => this.#save(project, resolve(folder)))
    const started = saved.then(follower => follower?.start())
    // Who waits for `saved` learns of a failure there, and may never look at `started`.
    started.catch(() => undefined)
    return { saved: saved.then(() => undefined), started }
  }

  async #save(project: ProjectInfo, folder: string): Promise<ProjectFolder | undefined> {
    const known = this.#attached.get(project.id)
    if (known?.folder === folder && (await isMarked(this.#ports.disk, folder, project.id))) return undefined
    if (known) await this.#detach(project.id)
    await this.#checkFree(folder)
    const { org, now, database } = this.#ports
    // A folder without our mark says nothing about what was deleted: it starts from scratch.
    if (!(await isMarked(this.#ports.disk, folder, project.id)))
      await database.call('deleteAttachment', { org, project: project.id })
    await writeMarker(this.#ports.disk, folder, project.id)
    await database.call('saveAttachment', { org, attachment: { project, folder }, now: now() })
    return this.#follow(project, folder, false).follower
  }

  async #checkFree(folder: string): Promise<void> {
    const { disk } = this.#ports
    const real = (await disk.realPath(folder)) ?? folder
    for (const other of this.#attached.values()) {
      if (((await disk.realPath(other.folder)) ?? other.folder) === real)
        throw new MeshError('CONFLICT', { detail: `${folder} is attached to the project ${other.project.name}` })
    }
  }

  #follow(project: ProjectInfo, folder: string, treeSynced: boolean): Attached {
    const { disk, now, after, random, limits, org, database, documents, problems, deviceName, findAsset } = this.#ports
    const pictures = new PicturesBeside(disk, folder, findAsset)
    const beside = new AssetsBeside({ disk, keep: (...asset) => this.#ports.keepAsset(project.id, ...asset) }, folder)
    const isReadOnly = !this.#ports.mayWrite(project.id)
    const follower = new ProjectFolder(project, folder, {
      store: {
        list: () => database.query('listProjections', { org, project: project.id }),
        load: document => database.query('loadProjection', { org, document }),
        position: document => database.query('storedPosition', { org, document }),
        save: projection => database.call('saveProjection', { org, projection }),
        remove: document => database.call('deleteProjection', { org, document }),
      },
      open: document => documents.open(project.id, document),
      follow: (document, changed) => documents.follow(project.id, document, changed),
      treeKnown: tree => this.#treeKnown(project.id, tree, treeSynced),
      disk,
      now,
      after,
      random,
      limits,
      problems,
      trash: new Trash(disk, this.#trash, project.id),
      deviceName,
      projected: text => void pictures.bring(text),
      taken: (path, text) => beside.take(path, text),
      isReadOnly,
      ...this.#sharing(project.id),
    })
    const attached = { project, folder, follower, isReadOnly }
    this.#attached.set(project.id, attached)
    return attached
  }

  #sharing(project: ProjectId): { sharing?: AssetSharing } {
    const { org, database, sharing } = this.#ports
    const store = {
      list: () => database.query('listAssetFiles', { org, project }),
      save: (row: AssetFileRow) => database.call('saveAssetFile', { org, project, row }),
      remove: (id: DocumentId) => database.call('deleteAssetFile', { org, id }),
    }
    return sharing ? { sharing: { ...sharing, stage: (...file) => sharing.stage(project, ...file), store } } : {}
  }

  /** An unknown file must not become a second document of one that only the hub knows yet. */
  async #treeKnown(project: ProjectId, tree: DocumentPeer, treeSynced: boolean): Promise<void> {
    if (treeSynced || !this.#ports.hasHub) return
    const synced = tree.synced.then(() => this.#ports.database.call('treeSynced', { org: this.#ports.org, project }))
    synced.catch(() => undefined)
    await Promise.race([
      synced.catch(() => undefined),
      new Promise<void>(resolve => this.#ports.after(this.#ports.limits.handshakeMs, resolve)),
    ])
  }

  detach(project: ProjectId): Promise<void> {
    return this.#turns.take(() => this.#detach(project))
  }

  async #detach(project: ProjectId): Promise<void> {
    const attached = this.#attached.get(project)
    if (!attached) throw new MeshError('NOT_FOUND', { detail: 'the project is not attached' })
    this.#attached.delete(project)
    await attached.follower.close()
    await this.#ports.database.call('deleteAttachment', { org: this.#ports.org, project })
    await removeMarker(this.#ports.disk, attached.folder)
  }

  folderOf(project: ProjectId): string | undefined {
    return this.#attached.get(project)?.folder
  }

  /** Of every project; newest first. */
  trashed(): Promise<TrashEntry[]> {
    return this.#trash.list()
  }

  /** Puts a deleted file back into its project, beside whatever has its name now; returns its path there. */
  async restore(name: string): Promise<TrashEntry> {
    const entry = await this.#trash.find(name)
    const attached = this.#attached.get(entry.project)
    if (!attached) throw new MeshError('NOT_FOUND', { detail: `the project of ${name} is not attached` })
    const path = await attached.follower.restore(entry, await this.#trash.read(name))
    await this.#trash.remove(name)
    this.#ports.problems.solve(join(this.#ports.trash, name))
    return { ...entry, path }
  }

  fetch(project: ProjectId, path: string, isNew: boolean): Promise<FetchState> {
    const attached = this.#attached.get(project)
    if (!attached) throw new MeshError('NOT_FOUND', { detail: 'the project is not attached' })
    return attached.follower.fetch(path, isNew)
  }

  list(): Attachment[] {
    return [...this.#attached.values()].map(({ project, folder }) => ({ project, folder }))
  }

  async close(): Promise<void> {
    await this.#turns.settled()
    await Promise.all([...this.#attached.values()].map(({ follower }) => follower.close()))
  }
}
