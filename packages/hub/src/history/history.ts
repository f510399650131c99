/**
 * What people do with the versions of a document: look, name, restore, undo, redo. Going back is an ordinary edit by a
 * peer of the hub's own in the document's room (HI20); versions themselves are recorded elsewhere.
 */
import { createHash } from 'node:crypto'
import type { Author, Renewed, Version } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import { nextRedo, nextUndo } from '@meshbook/core/history/undo-plan.ts'
import type { Now, ProjectId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Edit } from '@meshbook/core/notebook/edits.ts'
import { editsBetween, fromTheEnd } from '@meshbook/core/text/edits.ts'
import { mergeEdits } from '@meshbook/core/text/merge.ts'
import type { ChangeMark } from '@meshbook/relay/history/change-groups.ts'
import type { VersionRecorder } from '@meshbook/relay/history/version-recorder.ts'
import { readText } from '@meshbook/relay/history/version-text.ts'
import { newClientId } from '@meshbook/relay/local-peer.ts'
import type { DocumentKey, Relay } from '@meshbook/relay/relay.ts'
import type { Database } from '@meshbook/relay/sql/database.ts'
import type { HistoryProcedures, VersionRow } from '@meshbook/relay/store/history-procedures.ts'
import * as Y from 'yjs'
import type { Documents } from '../documents/documents.ts'
import { openOwnPeer } from '../documents/own-peer.ts'

export interface HistoryPorts {
  recorder: VersionRecorder
  versions: Database<HistoryProcedures>
  documents: Documents
  relay: Relay
  now: Now
}

/** A document whose history is asked for; a deleted one has no path. */
export interface Recalled {
  key: DocumentKey
  project: ProjectId
  path: string | null
}

export class History {
  readonly #ports: HistoryPorts

  constructor(ports: HistoryPorts) {
    this.#ports = ports
  }

  async list(key: DocumentKey, before: number | null, rows: number): Promise<VersionRow[]> {
    return this.#ports.versions.query('listVersions', { ...key, before, rows })
  }

  version(key: DocumentKey, version: number): Promise<VersionRow> {
    return this.#find(key, version)
  }

  async text(key: DocumentKey, version: number): Promise<string> {
    const { hash } = await this.#find(key, version)
    return readText(await this.#ports.versions.query('historyText', { ...key, hash }))
  }

  /** Records what is new now. With a name the newest version gets it and is kept for good. */
  async record(key: DocumentKey, author: Author, name: string | undefined): Promise<VersionRow | null> {
    const { recorder, versions, now } = this.#ports
    await recorder.catchUp(key)
    if (name === undefined) return (await this.list(key, null, 1))[0] ?? null
    const most = limits.versionsPerDocument / 2
    return this.#find(key, await versions.call('nameNewest', { ...key, name, author, at: now(), most }))
  }

  /** The document's text becomes that of the version; what others type meanwhile stays (HI20). */
  async restore({ key, project, path }: Recalled, author: Author, asked: { version: number; request: string }) {
    const done = await this.#once(key, asked.request, async () => {
      const wanted = await this.text(key, asked.version)
      const [newest] = await this.list(key, null, 1)
      const base = await this.text(key, newest!.version)
      const mark: ChangeMark = { kind: 'restore', of: asked.version, request: asked.request }
      await this.#edit(key, author, mark, now => mergeEdits(base, wanted, now))
    })
    // Also when the text was restored before and the hub was killed then.
    if (path === null) await this.#ports.documents.revive(key.org, project, key.document)
    return done
  }

  /** Makes the text this one, as a change by the author; what was there before is a version (FM52). */
  async rewrite(key: DocumentKey, author: Author, text: string): Promise<void> {
    const { relay, recorder } = this.#ports
    await recorder.catchUp(key)
    const peer = openOwnPeer(relay, key, 'hub: import', undefined, { author })
    try {
      await peer.ready()
      const content = peer.doc.getText(sharedNames.content)
      peer.doc.transact(() => fromTheEnd(editsBetween(content.toString(), text), content))
      await peer.durable()
      await recorder.flush(key)
    } finally {
      peer.close()
    }
  }

  /** Takes the newest change of the author's user back, or brings back what was taken (HI21). */
  async turnBack(
    key: DocumentKey,
    author: Author,
    kind: 'undo' | 'redo',
    asked: { request: string; version?: number | undefined },
  ): Promise<VersionRow> {
    return this.#once(key, asked.request, async () => {
      const of = await this.#targetOf(key, author, kind, asked)
      const [made, before] = [await this.text(key, of), await this.text(key, of - 1)]
      const mark: ChangeMark = { kind, of, request: asked.request }
      await this.#edit(key, author, mark, now => mergeEdits(made, before, now))
    })
  }

  /** The version to take back: what the request was about when it was first made, else whatever is next. */
  async #targetOf(
    key: DocumentKey,
    author: Author,
    kind: 'undo' | 'redo',
    { request, version }: { request: string; version?: number | undefined },
  ): Promise<number> {
    const { versions, now } = this.#ports
    const noted = await versions.query('findIntent', { ...key, request })
    if (noted !== null) return noted
    const known = await this.list(key, null, limits.pageRows)
    const target = kind === 'undo' ? nextUndo(known, author.user) : nextRedo(known, author.user)
    if ('refused' in target) throw new MeshError('NOTHING_TO_UNDO', { detail: target.refused })
    if (version !== undefined && version !== target.version)
      throw new MeshError('CONFLICT', { detail: `the change to take back is version ${target.version} by now` })
    await versions.call('noteIntent', { ...key, request, of: target.version, at: now() })
    return target.version
  }

  /** Runs what a request asks for unless it has been done; resolves with the version that it made (HI23). */
  async #once(key: DocumentKey, request: string, act: () => Promise<void>): Promise<VersionRow> {
    const { recorder, versions } = this.#ports
    const known = await versions.query('findRequest', { ...key, request })
    if (known) return known
    await recorder.catchUp(key)
    await act()
    const made = await versions.query('findRequest', { ...key, request })
    if (!made) throw new MeshError('INTERNAL', { detail: 'the version of a restore was not recorded' })
    return made
  }

  async #edit(
    key: DocumentKey,
    author: Author,
    mark: ChangeMark,
    editsOf: (text: string) => readonly Edit[],
  ): Promise<void> {
    const { relay, recorder } = this.#ports
    const peer = openOwnPeer(relay, key, 'hub: history', undefined, { author, mark })
    try {
      await peer.ready()
      const changed = applyOnce(peer.doc, clientOf(key, mark.request), editsOf)
      if (changed) await peer.durable()
      await (changed ? recorder.flush(key) : recorder.mark(key, { author, mark }))
    } finally {
      peer.close()
    }
  }

  /**
   * Builds the document anew from its text, under a new epoch (HI26). Versions stay; the past that every reader loads,
   * the runs' marks and whatever else stands beside the text go.
   */
  async renew(key: DocumentKey): Promise<Renewed> {
    const { recorder, relay } = this.#ports
    let [bytesBefore, bytes] = [0, 0]
    const epoch = await relay.renew(key, async stored => {
      await recorder.catchUp(key)
      const pieces = [...(stored.snapshot ? [stored.snapshot.data] : []), ...stored.tail]
      const rebuilt = fromText(pieces, newClientId(relay.random))
      bytesBefore = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
      bytes = rebuilt.byteLength
      return bytes > emptyUpdateBytes ? [rebuilt] : []
    })
    return { epoch, bytesBefore, bytes }
  }

  async #find(key: DocumentKey, version: number): Promise<VersionRow> {
    const found = await this.#ports.versions.query('findVersion', { ...key, version })
    if (!found) throw new MeshError('NOT_FOUND', { detail: `version ${version}` })
    return found
  }
}

const emptyUpdateBytes = 2

/** A document with the same text and no past. */
function fromText(pieces: readonly Uint8Array[], client: number): Uint8Array {
  const [old, made] = [new Y.Doc(), new Y.Doc()]
  try {
    for (const piece of pieces) Y.applyUpdate(old, piece)
    made.clientID = client
    const text = old.getText(sharedNames.content).toString()
    if (text !== '') made.getText(sharedNames.content).insert(0, text)
    return Y.encodeStateAsUpdate(made)
  } finally {
    old.destroy()
    made.destroy()
  }
}

/** The version as clients see it. `asker` is the id of who asks. */
export function shownVersion({ hash: _, authors, ...version }: VersionRow, asker: string): Version {
  return { ...version, authors: authors.map(author => (author.id === asker ? { ...author, here: true } : author)) }
}

/**
 * Edits the text as this client, in one update that is stored whole or not at all. False if it has edited the document
 * before, or if there is nothing to change. Edits that only delete leave an empty trace of the client, by which a
 * repetition of them is known too.
 */
function applyOnce(doc: Y.Doc, client: number, editsOf: (text: string) => readonly Edit[]): boolean {
  if (doc.store.clients.has(client)) return false
  const text = doc.getText(sharedNames.content)
  const edits = editsOf(text.toString())
  if (edits.length === 0) return false
  doc.clientID = client
  doc.transact(() => {
    fromTheEnd(edits, text)
    if (edits.every(({ insert }) => insert === '')) {
      text.insert(0, ' ')
      text.delete(0, 1)
    }
  })
  return true
}

/** The Yjs client id that stands for a request in a document: 32 bits of its hash. */
function clientOf({ document }: DocumentKey, request: string): number {
  return createHash('sha256').update(`${document} ${request}`).digest().readUInt32BE(0)
}
