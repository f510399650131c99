/**
 * Which files of projects were changed through this hub, and by which device (WQ67): edits of documents as the relay makes
 * them durable, and of other files as the tree tells. Gathered for a moment, then kept for the triggers that are about them.
 */
import type { Author } from '@meshbook/core/api.ts'
import { asMeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, Now, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DocumentKey, Peer } from '@meshbook/relay/relay.ts'
import type { ChangedEntry } from '../documents/project-tree.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { FileChange } from '../store/workflow-triggers.ts'

type Device = FileChange['device']

export interface FileChangesPorts {
  store: HubStore
  isTree(document: DocumentId): boolean
  times: Pick<Limits, 'changesGatherMs'>
  now: Now
  log: Log
}

interface Gathered {
  org: OrgId
  project: ProjectId | null
  changes: Map<string, FileChange>
}

export class FileChanges {
  readonly #ports: FileChangesPorts
  #gathered = new Map<string, Gathered>()
  /** Who wrote a tree through this hub last: what another hub's connections bring is told there. */
  readonly #writers = new Map<DocumentId, { device: Device; at: number }>()
  #timer: NodeJS.Timeout | undefined

  constructor(ports: FileChangesPorts) {
    this.#ports = ports
  }

  /** A connection's update is durable. */
  changed({ org, document }: DocumentKey, peer: Pick<Peer, 'tag'>): void {
    const device = deviceOf(peer)
    const at = this.#ports.now()
    if (this.#ports.isTree(document)) this.#writers.set(document, { device, at })
    else this.#gather(org, null, { what: { document }, device, at })
  }

  /** Called right after the update is durable, on each hub that follows the tree. */
  treeChanged(org: OrgId, project: ProjectId, tree: DocumentId, entries: readonly ChangedEntry[]): void {
    const { now, times } = this.#ports
    const writer = this.#writers.get(tree)
    if (!writer || now() - writer.at > 2 * times.changesGatherMs) return
    for (const { path, by } of entries) {
      const device = by !== null && by !== writer.device?.name ? { id: '', name: by } : writer.device
      this.#gather(org, project, { what: { path }, device, at: now() })
    }
  }

  #gather(org: OrgId, project: ProjectId | null, change: FileChange): void {
    const place = `${org} ${project ?? ''}`
    const known = this.#gathered.get(place) ?? { org, project, changes: new Map<string, FileChange>() }
    this.#gathered.set(place, known)
    const what = 'path' in change.what ? change.what.path : change.what.document
    known.changes.set(`${change.device?.name ?? ''} ${what}`, change)
    this.#timer ??= setTimeout(() => void this.flush(), this.#ports.times.changesGatherMs).unref()
  }

  async flush(): Promise<void> {
    const { store, log, now, times } = this.#ports
    clearTimeout(this.#timer)
    this.#timer = undefined
    const gathered = [...this.#gathered.values()]
    this.#gathered = new Map()
    for (const [tree, { at }] of this.#writers) if (now() - at > 2 * times.changesGatherMs) this.#writers.delete(tree)
    for (const { org, project, changes } of gathered)
      try {
        if (!(await store.query('watchesFiles', { org }))) continue
        await store.call('keepChanges', { org, project, changes: [...changes.values()] })
      } catch (thrown) {
        log.warn({ err: asMeshError(thrown), org }, 'changes of files were not kept for triggers')
      }
  }
}

/** What a connection's tag says; the hub wrote it. */
function deviceOf({ tag }: Pick<Peer, 'tag'>): Device {
  const { author } = (tag ?? {}) as { author?: Author }
  return author?.kind === 'device' ? { id: author.id.replace(/^device:/, ''), name: author.name } : null
}
