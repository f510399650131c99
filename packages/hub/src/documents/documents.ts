/** Projects and their documents: ids behind paths, making, moving and deleting, and the text as it is now. */
import type { Author, DocumentInfo, FileInfo, Project } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { idInPath, sharedNames, treePath } from '@meshbook/core/executions.ts'
import { type DocumentId, type Now, newId, type OrgId, type ProjectId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { checkedPath, type TreeAsset } from '@meshbook/core/tree.ts'
import type { DocumentKey, Relay } from '@meshbook/relay/relay.ts'
import type { Place } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { HubEvents } from '../hub-events.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import { type OwnPeer, openOwnPeer } from './own-peer.ts'
import { type ChangedEntry, ProjectTree } from './project-tree.ts'
import { Touches } from './touches.ts'

export interface DocumentsPorts {
  store: HubStore
  relay: Relay
  events: HubEvents
  log: Log
  now: Now
  random: RandomBytes
  /** What came, changed or went in the tree of a project, whoever did it. */
  entriesChanged?: (org: OrgId, project: ProjectId, tree: DocumentId, entries: ChangedEntry[]) => void
}

interface Known {
  org: OrgId
  project: Project
  tree: ProjectTree | undefined
}

export class Documents {
  readonly #ports: DocumentsPorts
  readonly #projects = new Map<ProjectId, Known>()
  readonly #trees = new Set<DocumentId>()
  readonly #touches: Touches
  /** Projects whose changed files are told in a moment. */
  readonly #telling = new Set<ProjectId>()

  private constructor(ports: DocumentsPorts) {
    this.#ports = ports
    this.#touches = new Touches(ports.store, ports.now)
  }

  /** Follows the trees of all projects from now on. */
  static async start(ports: DocumentsPorts): Promise<Documents> {
    const documents = new Documents(ports)
    for (const { org, project } of await ports.store.query('everyProject'))
      documents.#treeOf(documents.#know(org, project))
    return documents
  }

  async ensureProject(org: OrgId, owner: string, name: string): Promise<{ project: Project; created: boolean }> {
    const { store, now, random } = this.#ports
    const at = now()
    const ensured = await store.call('ensureProject', {
      org,
      id: newId('project', at, random),
      name,
      owner,
      tree: newId('document', at, random),
      now: at,
    })
    if (!this.#projects.has(ensured.project.id)) this.#treeOf(this.#know(org, ensured.project))
    return ensured
  }

  /** One that a device made without a hub: it keeps its ids, and so its documents. */
  async adoptProject(
    org: OrgId,
    owner: string,
    made: { id: ProjectId; tree: DocumentId; name: string },
  ): Promise<{ project: Project; created: boolean }> {
    const adopted = await this.#ports.store.call('adoptProject', { org, owner, ...made, now: this.#ports.now() })
    if (!this.#projects.has(adopted.project.id)) this.#treeOf(this.#know(org, adopted.project))
    return adopted
  }

  /** The project that a path names; it says nothing of who may know that. */
  async named(at: { owner: string; project: string }): Promise<ProjectId> {
    const find = () =>
      [...this.#projects.values()].find(({ project }) => project.owner === at.owner && project.name === at.project)
    const known = find()
    if (known) return known.project.id
    const found = await this.#ports.store.query('findProjectNamed', { owner: at.owner, name: at.project })
    if (!found) throw new MeshError('NOT_FOUND', { detail: 'the project' })
    await this.#learn(found.org)
    return found.id
  }

  /** The document that a connection of `/sync` means; with the right to write, a new path becomes a new document. */
  async open(who: Principal, { org, rights }: Place, id: ProjectId, path: string): Promise<DocumentId> {
    const known = await this.#found(org, id)
    const { credential } = who
    if (!rights.has('read') || (credential.kind === 'ticket' && credential.project !== id))
      throw new MeshError('FORBIDDEN')
    const only = credential.kind === 'ticket' ? credential.document : null
    const document = await this.#resolve(known, path, rights.has('write') && only === null)
    if (only !== null && only !== document)
      throw new MeshError('FORBIDDEN', { detail: 'the ticket is for another document' })
    return document
  }

  async #resolve(known: Known, text: string, mayCreate: boolean): Promise<DocumentId> {
    if (text === treePath) return known.project.tree
    const named = idInPath(text)
    if (named !== undefined) return this.#ownDocument(known, named)
    const path = checkedPath(text)
    const tree = await this.#loadedTree(known)
    const id = tree.idAt(path)
    if (id !== undefined) return this.#checkedOwn(known, id)
    if (!mayCreate) throw new MeshError('NOT_FOUND', { detail: 'the document' })
    return this.#add(known, tree, path)
  }

  /** Whoever may write writes into the tree: the id of a document of another project there leads nowhere (ME2). */
  async #checkedOwn({ org, project }: Known, id: DocumentId): Promise<DocumentId> {
    const found = await this.#ports.store.query('findDocumentEver', { org, id })
    const isOwn = found ? found.project === project.id : await this.adopt(org, project.id, id)
    if (!isOwn) throw new MeshError('NOT_FOUND', { detail: 'the document' })
    return id
  }

  /** A document by its id, also one that has left the tree: what was written offline must not make a second one. */
  async #ownDocument({ org, project }: Known, id: DocumentId): Promise<DocumentId> {
    const found = await this.#ports.store.query('findDocumentEver', { org, id })
    if (found?.project === project.id) return id
    throw new MeshError('NOT_FOUND', { detail: `document ${id}` })
  }

  /** False when the document belongs to another project. */
  adopt(org: OrgId, project: ProjectId, id: DocumentId): Promise<boolean> {
    return this.#ports.store.call('adoptDocument', { org, project, id, now: this.#ports.now() })
  }

  async create(
    org: OrgId,
    projectId: ProjectId,
    path: string,
    content: string,
    author?: Author,
  ): Promise<DocumentInfo> {
    const known = await this.#found(org, projectId)
    const tree = await this.#loadedTree(known)
    const id = newId('document', this.#ports.now(), this.#ports.random)
    if (tree.taken(checkedPath(path))) throw new MeshError('CONFLICT', { detail: `there is a document at ${path}` })
    // The text first: a crash between leaves text that nothing names, never a document without its text.
    if (content !== '') await this.#write({ org, document: id }, content, author)
    await this.#add(known, tree, path, id)
    return this.#info(org, id)
  }

  /** The document at a path, if there is one. */
  async at(org: OrgId, project: ProjectId, path: string): Promise<DocumentId | undefined> {
    const known = await this.#found(org, project)
    const id = (await this.#loadedTree(known)).idAt(checkedPath(path))
    return id && this.#checkedOwn(known, id)
  }

  async move(org: OrgId, projectId: ProjectId, id: DocumentId, path: string): Promise<DocumentInfo> {
    const tree = await this.#loadedTree(await this.#found(org, projectId))
    const there = tree.idAt(checkedPath(path))
    if (there !== undefined && there !== id)
      throw new MeshError('CONFLICT', { detail: `there is a document at ${path}` })
    if (!(await tree.change(id, { path }))) throw new MeshError('NOT_FOUND', { detail: `document ${id}` })
    return this.#info(org, id)
  }

  async remove(org: OrgId, projectId: ProjectId, id: DocumentId): Promise<void> {
    const tree = await this.#loadedTree(await this.#found(org, projectId))
    await tree.change(id, { deletedAt: this.#ports.now() })
  }

  /** Brings a deleted document back, to where it was or beside what took its place. */
  async revive(org: OrgId, projectId: ProjectId, id: DocumentId): Promise<void> {
    const tree = await this.#loadedTree(await this.#found(org, projectId))
    if (!(await tree.revive(id))) throw new MeshError('NOT_FOUND', { detail: `document ${id}` })
  }

  /** Whether the document is the file tree of a project. */
  isTree(id: DocumentId): boolean {
    return this.#trees.has(id)
  }

  /** The files of a project that are no documents, by path. */
  async files(org: OrgId, project: ProjectId): Promise<FileInfo[]> {
    const tree = await this.#loadedTree(await this.#found(org, project))
    return tree.files().map(([id, file]) => ({ id, project, ...file }))
  }

  /** In the trees of an org, or of one of its projects. */
  async file(org: OrgId, id: DocumentId, project?: ProjectId): Promise<(FileInfo & TreeAsset) | undefined> {
    await this.#learn(org)
    for (const known of this.#projects.values()) {
      const isAmong = known.org === org && (project === undefined || known.project.id === project)
      const file = isAmong ? (await this.#loadedTree(known)).file(id) : undefined
      if (file) return { id, project: known.project.id, ...file }
    }
    return undefined
  }

  async content(org: OrgId, document: DocumentId): Promise<string> {
    return this.#withPeer({ org, document }, async ({ doc }) => doc.getText(sharedNames.content).toString())
  }

  touched(key: DocumentKey): void {
    this.#touches.note(key)
  }

  async close(): Promise<void> {
    for (const { tree } of this.#projects.values()) tree?.close()
    await this.#touches.flush()
  }

  /** Another hub on the same database may have made projects since. */
  async #learn(org: OrgId): Promise<void> {
    for (const project of await this.#ports.store.query('listProjects', { org }))
      if (!this.#projects.has(project.id)) this.#treeOf(this.#know(org, project))
  }

  #know(org: OrgId, project: Project): Known {
    const known: Known = { org, project, tree: undefined }
    this.#projects.set(project.id, known)
    this.#trees.add(project.tree)
    return known
  }

  async #found(org: OrgId, id: ProjectId): Promise<Known> {
    if (!this.#projects.has(id)) await this.#learn(org)
    const known = this.#projects.get(id)
    if (known?.org !== org) throw new MeshError('NOT_FOUND', { detail: `project ${id}` })
    return known
  }

  #treeOf(known: Known): ProjectTree {
    if (known.tree && !known.tree.lost) return known.tree
    const { relay, log, entriesChanged } = this.#ports
    const { org, project } = known
    const onError = (error: MeshError): void =>
      log.warn({ err: error, project: project.id }, 'a file tree was lost for now')
    known.tree = new ProjectTree(
      relay,
      { org, document: project.tree },
      {
        index: (paths, gone) => this.#index(org, project.id, paths, gone),
        filesChanged: () => this.#tellFiles(org, project.id),
        entriesChanged: entries => entriesChanged?.(org, project.id, project.tree, entries),
        onError,
      },
    )
    return known.tree
  }

  async #loadedTree(known: Known): Promise<ProjectTree> {
    const tree = this.#treeOf(known)
    await tree.ready()
    return tree
  }

  async #index(
    org: OrgId,
    project: ProjectId,
    paths: [DocumentId, string][],
    gone: DocumentId[] | undefined,
  ): Promise<void> {
    const changed = await this.#ports.store.call('indexTree', { org, project, paths, gone, now: this.#ports.now() })
    if (changed) this.#ports.events.publish(org, { type: 'documents', project })
  }

  #tellFiles(org: OrgId, project: ProjectId): void {
    if (this.#telling.has(project)) return
    this.#telling.add(project)
    const tell = (): void => {
      this.#telling.delete(project)
      this.#ports.events.publish(org, { type: 'files', project })
    }
    setTimeout(tell, limits.filesToldMs).unref()
  }

  /** No await before the entry is in the tree: two clients that open one new path must get one document. */
  async #add(
    known: Known,
    tree: ProjectTree,
    path: string,
    id = newId('document', this.#ports.now(), this.#ports.random),
  ): Promise<DocumentId> {
    if (tree.size >= limits.documentsPerProject)
      throw new MeshError('TOO_MANY', { detail: `${tree.size} documents in ${known.project.name}` })
    await tree.put(id, { path, kind: 'document' })
    return id
  }

  async #info(org: OrgId, id: DocumentId): Promise<DocumentInfo> {
    const found = await this.#ports.store.query('findDocument', { org, id })
    if (!found) throw new MeshError('NOT_FOUND', { detail: `document ${id}` })
    return found
  }

  async #write(key: DocumentKey, content: string, author: Author | undefined): Promise<void> {
    const write = async (peer: OwnPeer): Promise<void> => {
      peer.doc.getText(sharedNames.content).insert(0, content)
      await peer.durable()
    }
    await this.#withPeer(key, write, { author })
  }

  async #withPeer<T>(key: DocumentKey, use: (peer: OwnPeer) => Promise<T>, tag?: unknown): Promise<T> {
    const peer = openOwnPeer(this.#ports.relay, key, 'hub', undefined, tag)
    try {
      await peer.ready()
      return await use(peer)
    } finally {
      peer.close()
    }
  }
}
