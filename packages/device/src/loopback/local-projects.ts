/**
 * The projects of the account as this device knows them, with or without a folder: their file trees and documents, as a
 * peer of the device's own rooms. It knows nothing of browsers or of runs.
 */
import type { DocumentInfo, FileInfo, Project } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { idInPath, sharedNames, type TreeEntry, treePath } from '@meshbook/core/executions.ts'
import { type DocumentId, type Now, newId, type OrgId, type ProjectId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceProject } from '@meshbook/core/messages.ts'
import { editsBetween, fromTheEnd } from '@meshbook/core/text/edits.ts'
import { assetIn, checkedPath, resolveTree } from '@meshbook/core/tree.ts'
import type { SyncPath } from '@meshbook/relay/serve/upgrades.ts'
import { within } from '@meshbook/relay/within.ts'
import type * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import type { Documents } from '../documents.ts'
import type { DeviceStore } from '../store/device-store.ts'

export interface LocalProjectsPorts {
  org: OrgId
  store: DeviceStore
  documents: Documents
  now: Now
  random: RandomBytes
  hasHub: boolean
  /** Whether the hub is in reach. */
  linked(): boolean
  /** Paths of a project changed. */
  changed(project: ProjectId): void
}

interface Open {
  project: DeviceProject
  tree: DocumentPeer
  files: Y.Map<TreeEntry>
  /** Ends the following of a document, by its id. */
  followed: Map<DocumentId, () => void>
}

export interface OpenedDocument {
  id: DocumentId
  /** What the user may do with it (LO13). */
  access: 'read' | 'write'
  close(): Promise<void>
}

export class LocalProjects {
  readonly #ports: LocalProjectsPorts
  readonly #open = new Map<ProjectId, Open>()

  constructor(ports: LocalProjectsPorts) {
    this.#ports = ports
  }

  /** These and no others are shown, with or without a folder; their trees are opened and in step with the hub (LO6). */
  async show(projects: readonly DeviceProject[]): Promise<void> {
    const ids = new Set(projects.map(({ id }) => id))
    const ended = [...this.#open.values()].filter(({ project }) => !ids.has(project.id))
    for (const { project } of ended) this.#open.delete(project.id)
    for (const project of projects) this.#begin(project)
    for (const open of ended) await end(open)
  }

  list(): Project[] {
    const all = [...this.#open.values()].map(({ project }) => asListed(project))
    return all.sort((a, b) => Number(a.roles !== undefined) - Number(b.roles !== undefined))
  }

  async documents(project: ProjectId): Promise<DocumentInfo[]> {
    const open = await this.#ready(project)
    return [...this.#paths(open, 'document')].map(([id, path]) => infoOf(project, id, path)).sort(byPath)
  }

  async files(project: ProjectId): Promise<FileInfo[]> {
    const open = await this.#ready(project)
    const found = [...this.#paths(open, 'asset')].flatMap(([id, path]) => {
      const asset = assetIn(open.files.get(id))
      return asset ? [{ id, project, path, ...asset }] : []
    })
    return found.sort(byPath)
  }

  async find(id: DocumentId): Promise<DocumentInfo> {
    for (const { project } of this.#open.values()) {
      const found = (await this.documents(project.id)).find(document => document.id === id)
      if (found) return found
    }
    throw new MeshError('NOT_FOUND', { detail: `document ${id}` })
  }

  async at({ owner, project, path }: SyncPath): Promise<DocumentInfo | undefined> {
    const open = this.#named(owner, project)
    return open && (await this.documents(open.project.id)).find(document => document.path === path)
  }

  /** No await between the look and the entry: two that ask for one path get one document (LO5). */
  async create(project: ProjectId, path: string, content: string): Promise<DocumentInfo> {
    const open = await this.#writable(project)
    const id = newId('document', this.#ports.now(), this.#ports.random)
    // Its content first: a crash between leaves what nothing names, never a document without its text.
    if (content === '') await this.#noteMade(id)
    else await this.#write(project, id, content, peer => peer.ready)
    if ([...this.#paths(open)].some(([, taken]) => taken.toLowerCase() === checkedPath(path).toLowerCase()))
      throw new MeshError('CONFLICT', { detail: `there is a document at ${path}` })
    await this.#add(open, id, checkedPath(path))
    return infoOf(project, id, path)
  }

  /** A whole text at a path: a new document, or where it is asked for a change of the one there (FM52). */
  async write(
    project: ProjectId,
    path: string,
    text: string,
    replace: boolean,
  ): Promise<{ document: DocumentInfo; created: boolean }> {
    const open = await this.#writable(project)
    const there = [...this.#paths(open, 'document')].find(([, taken]) => taken === checkedPath(path))?.[0]
    if (there === undefined) return { document: await this.create(project, path, text), created: true }
    if (!replace) throw new MeshError('WOULD_OVERWRITE', { detail: path })
    await this.#write(project, there, text, peer => this.#here(peer))
    return { document: infoOf(project, there, path), created: false }
  }

  /** READ_ONLY where the user may only read. */
  async writable(project: ProjectId): Promise<void> {
    await this.#writable(project)
  }

  async move(id: DocumentId, path: string): Promise<DocumentInfo> {
    const { project } = await this.find(id)
    const open = await this.#writable(project)
    const other = [...this.#paths(open)].find(([, taken]) => taken === checkedPath(path))
    if (other && other[0] !== id) throw new MeshError('CONFLICT', { detail: `there is a document at ${path}` })
    await this.#put(open, id, { path: checkedPath(path), kind: 'document' })
    return infoOf(project, id, path)
  }

  async remove(id: DocumentId): Promise<void> {
    const { project, path } = await this.find(id)
    await this.#put(await this.#writable(project), id, { path, kind: 'document', deletedAt: this.#ports.now() })
  }

  async content(id: DocumentId): Promise<string> {
    const { project } = await this.find(id)
    const peer = this.#ports.documents.open(project, id)
    try {
      await this.#here(peer)
      return peer.doc.getText(sharedNames.content).toString()
    } finally {
      await peer.close()
    }
  }

  /** The document that a connection of `/sync` means, held open and in step with the hub until it is closed. */
  async enter(at: SyncPath): Promise<OpenedDocument> {
    const open = this.#named(at.owner, at.project)
    if (!open) throw new MeshError('NOT_FOUND', { detail: 'the project' })
    const id = await this.#idOf(await this.#ready(open.project.id), at.path)
    const peer = this.#ports.documents.open(open.project.id, id)
    try {
      await this.#here(peer)
    } catch (thrown) {
      await peer.close()
      throw thrown
    }
    return { id, access: open.project.access ?? 'write', close: () => peer.close() }
  }

  async close(): Promise<void> {
    for (const open of this.#open.values()) await end(open)
    this.#open.clear()
  }

  #begin(project: DeviceProject): void {
    const known = this.#open.get(project.id)
    if (known) {
      known.project = project
      return
    }
    const tree = this.#ports.documents.open(project.id, project.tree)
    const files = tree.doc.getMap<TreeEntry>(sharedNames.files)
    const open: Open = { project, tree, files, followed: new Map() }
    this.#open.set(project.id, open)
    files.observeDeep(() => this.#changed(open))
    tree.ready.then(
      () => this.#open.get(project.id) === open && this.#changed(open),
      () => this.#open.get(project.id) === open && this.#open.delete(project.id),
    )
  }

  /** Every document is followed, so that it is on this device when the hub is not in reach (LO6). */
  #changed(open: Open): void {
    const { documents, changed } = this.#ports
    const live = this.#paths(open, 'document')
    for (const [id, stop] of open.followed) {
      if (live.has(id)) continue
      open.followed.delete(id)
      stop()
    }
    for (const id of live.keys())
      if (!open.followed.has(id))
        open.followed.set(
          id,
          documents.follow(open.project.id, id, () => undefined),
        )
    changed(open.project.id)
  }

  #named(owner: string, name: string): Open | undefined {
    return [...this.#open.values()].find(({ project }) => project.owner === owner && project.name === name)
  }

  async #ready(id: ProjectId): Promise<Open> {
    const open = this.#open.get(id)
    if (!open) throw new MeshError('NOT_FOUND', { detail: `project ${id}` })
    await open.tree.ready
    return open
  }

  async #writable(id: ProjectId): Promise<Open> {
    const open = await this.#ready(id)
    if (open.project.access === 'read') throw new MeshError('READ_ONLY', { detail: `the project ${open.project.name}` })
    return open
  }

  #paths({ files }: Open, kind?: TreeEntry['kind']): Map<DocumentId, string> {
    const entries = [...files.entries()].filter(([, entry]) => typeof entry === 'object' && entry !== null)
    const paths = resolveTree(entries)
    if (kind) for (const id of paths.keys()) if (files.get(id)?.kind !== kind) paths.delete(id)
    return paths
  }

  async #idOf(open: Open, text: string): Promise<DocumentId> {
    if (text === treePath) return open.project.tree
    const named = idInPath(text)
    if (named !== undefined) {
      if (open.files.has(named)) return named
      throw new MeshError('NOT_FOUND', { detail: `document ${named}` })
    }
    const path = checkedPath(text)
    const found = (): DocumentId | undefined =>
      [...this.#paths(open, 'document')].find(([, taken]) => taken === path)?.[0]
    const known = found()
    if (known !== undefined) return known
    await this.#writable(open.project.id)
    const id = newId('document', this.#ports.now(), this.#ports.random)
    await this.#noteMade(id)
    const meanwhile = found()
    if (meanwhile === undefined) await this.#add(open, id, path)
    return meanwhile ?? id
  }

  async #add(open: Open, id: DocumentId, path: string): Promise<void> {
    if (open.files.size >= limits.documentsPerProject)
      throw new MeshError('TOO_MANY', { detail: `documents in ${open.project.name}` })
    await this.#put(open, id, { path, kind: 'document' })
  }

  #noteMade(document: DocumentId): Promise<void> {
    return this.#ports.store.call('noteMade', { org: this.#ports.org, document })
  }

  async #put(open: Open, id: DocumentId, entry: TreeEntry): Promise<void> {
    open.files.set(id, entry)
    await open.tree.durable()
  }

  async #write(
    project: ProjectId,
    id: DocumentId,
    content: string,
    isReady: (peer: DocumentPeer) => Promise<void>,
  ): Promise<void> {
    const peer = this.#ports.documents.open(project, id)
    try {
      await isReady(peer)
      const text = peer.doc.getText(sharedNames.content)
      peer.doc.transact(() => fromTheEnd(editsBetween(text.toString(), content), text))
      await peer.durable()
    } finally {
      await peer.close()
    }
  }

  /** The document is what it is on this device, or what the hub says it is; never blank in its place. */
  async #here(peer: DocumentPeer): Promise<void> {
    const { org, store, linked } = this.#ports
    await within(limits.handshakeMs, peer.ready, 'opening the document')
    const isStored = (await store.query('storedPosition', { org, document: peer.id })) > 0
    if (isStored || !this.#ports.hasHub || (await store.query('wasMade', { org, document: peer.id }))) return
    if (!linked())
      throw new MeshError('UNREACHABLE', { detail: 'the hub, and this document has not been on this device yet' })
    await within(limits.handshakeMs, peer.synced, 'the document at the hub')
  }
}

async function end({ followed, tree }: Open): Promise<void> {
  for (const stop of followed.values()) stop()
  await tree.close()
}

/** What exactly the user is given in a shared project the hub alone knows; whether they may write is known here. */
function asListed({ id, name, owner, tree, shared, access }: DeviceProject): Project {
  const roles = shared && { roles: [access === 'read' ? ('viewer' as const) : ('editor' as const)] }
  return { id, name, owner, tree, createdAt: timeOf(id), ...roles }
}

/** The first ten digits of an id are its time. */
function timeOf(id: string): number {
  const digits = id.slice(id.indexOf('_') + 1, id.indexOf('_') + 11)
  return [...digits].reduce((ms, digit) => ms * 32 + '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit), 0)
}

function infoOf(project: ProjectId, id: DocumentId, path: string): DocumentInfo {
  return { id, project, path, createdAt: timeOf(id), updatedAt: timeOf(id) }
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : 1
}
