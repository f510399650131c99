/**
 * A DocumentStore whose large snapshots are objects, over one that keeps the rows. The order is what makes it safe:
 * object durable, row in one transaction, old object deleted. A snapshot only ever gives way to one of a later position
 * or epoch, so an object behind the row's is of no use to anybody, whatever other hubs do.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { base32, type Epoch, isId, type Now, type RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DocumentLog } from '@meshbook/relay/document-log.ts'
import type {
  DocumentKey,
  DocumentSnapshot,
  DocumentStore,
  Replacement,
  StoredDocument,
} from '@meshbook/relay/store/document-store.ts'
import { collect, digestOf, type ObjectStore } from './object-store.ts'
import { heldBefore, removeOldHolds } from './snapshot-holds.ts'
import { folderOf, isReference, nameOf, parseName, readReference, writeReference } from './snapshot-reference.ts'

export interface SnapshotPorts {
  now: Now
  random: RandomBytes
  limits: Limits
}

/** A reader may come between the new row and the deletion of the old object; it then reads the row anew. */
const readTries = 4
const pageRows = 500

export class ObjectSnapshotStore implements DocumentStore {
  readonly #rows: DocumentStore
  readonly #objects: ObjectStore
  readonly #ports: SnapshotPorts

  constructor(rows: DocumentStore, objects: ObjectStore, ports: SnapshotPorts) {
    this.#rows = rows
    this.#objects = objects
    this.#ports = ports
  }

  open(key: DocumentKey): Promise<StoredDocument> {
    return this.#whole(() => this.#rows.open(key))
  }

  /** The same for a log that several hubs append to. */
  following(log: DocumentLog): DocumentLog {
    return { since: (key, after) => this.#whole(() => log.since(key, after)), heads: keys => log.heads(keys) }
  }

  async #whole(read: () => Promise<StoredDocument>): Promise<StoredDocument> {
    for (let tries = 1; ; tries++) {
      const stored = await read()
      const { snapshot } = stored
      if (!snapshot || !isReference(snapshot.data)) return stored
      try {
        return { ...stored, snapshot: { ...snapshot, data: await readSnapshot(this.#objects, snapshot.data) } }
      } catch (thrown) {
        if (tries === readTries) throw unreadable(thrown)
      }
    }
  }

  append(key: DocumentKey, epoch: Epoch, updates: readonly Uint8Array[]): Promise<number> {
    return this.#rows.append(key, epoch, updates)
  }

  async compact(key: DocumentKey, epoch: Epoch, { position, data, facts }: DocumentSnapshot): Promise<void> {
    const { limits, now } = this.#ports
    const small = data.byteLength <= limits.snapshotObjectBytes && !isReference(data)
    // If the one before was large, the collection of orphans takes its object.
    if (small) return this.#rows.compact(key, epoch, { position, data, facts })
    const begun = now()
    const reference = await this.#write(key, epoch, position, begun, data)
    // From here on the collection might take the object for an orphan (OB13).
    if (now() - begun > limits.snapshotGraceMs / 2)
      throw new MeshError('TIMEOUT', { detail: 'storing a snapshot took too long' })
    await this.#rows.compact(key, epoch, { position, data: reference, facts })
    await this.#deleteSuperseded(key)
  }

  /** What replaces a document is small: a text without its past. Should it grow, compaction makes an object of it. */
  async replace(key: DocumentKey, replacement: Replacement): Promise<Epoch | undefined> {
    const epoch = await this.#rows.replace(key, replacement)
    if (epoch !== undefined) await this.#deleteSuperseded(key)
    return epoch
  }

  /** Deletes objects that no row names and that are too old to be on their way into one; returns how many. */
  async collectOrphans(): Promise<number> {
    let count = 0
    for await (const names of this.#documents()) count += await this.#collectOf(names)
    await removeOldHolds(this.#objects, this.#ports.now())
    return count
  }

  async #write(
    key: DocumentKey,
    epoch: Epoch,
    position: number,
    madeAt: number,
    data: Uint8Array,
  ): Promise<Uint8Array> {
    const name = nameOf(key, { epoch, position, madeAt }, base32(this.#ports.random(10)))
    const digest = digestOf(data)
    await this.#objects.put(name, once(data), digest)
    return writeReference({ name, ...digest })
  }

  async #deleteSuperseded(key: DocumentKey): Promise<void> {
    const { objects } = await this.#objects.list(folderOf(key), { most: pageRows })
    if (objects.length === 0) return
    const { epoch, snapshot } = await this.#rows.open(key)
    const used = snapshot && isReference(snapshot.data) ? readReference(snapshot.data).name : undefined
    const heldBefore = await this.#heldBefore()
    for (const { name } of objects) {
      const of = parseName(name)
      if (!of || name === used || of.madeAt < heldBefore) continue
      const behind = of.epoch < epoch || (of.epoch === epoch && of.position <= (snapshot?.position ?? 0))
      if (behind) await this.#objects.delete(name)
    }
  }

  /** After the row was read: who takes its moment later does not need what it had stopped naming (OB14). */
  #heldBefore(): Promise<number> {
    return heldBefore(this.#objects, this.#ports.now())
  }

  /** Names of objects, those of a document together. */
  async *#documents(): AsyncGenerator<string[]> {
    let names: string[] = []
    let after = ''
    for (;;) {
      const page = await this.#objects.list('', { most: pageRows, after })
      for (const { name } of page.objects) {
        if (names.length > 0 && folderPart(name) !== folderPart(names[0]!)) {
          yield names
          names = []
        }
        names.push(name)
      }
      if (page.next === undefined) break
      after = page.next
    }
    if (names.length > 0) yield names
  }

  async #collectOf(names: string[]): Promise<number> {
    const oldest = this.#ports.now() - this.#ports.limits.snapshotGraceMs
    const old = names.filter(name => (parseName(name)?.madeAt ?? Number.POSITIVE_INFINITY) < oldest)
    const of = old[0] === undefined ? undefined : parseName(old[0])
    if (!of || !isId('org', of.org) || !isId('document', of.document)) return 0
    const { snapshot } = await this.#rows.open({ org: of.org, document: of.document })
    const used = snapshot && isReference(snapshot.data) ? readReference(snapshot.data).name : undefined
    const unused = old.filter(name => name !== used)
    const heldBefore = unused.length > 0 ? await this.#heldBefore() : 0
    const orphans = unused.filter(name => parseName(name)!.madeAt >= heldBefore)
    for (const name of orphans) await this.#objects.delete(name)
    return orphans.length
  }
}

/** What stands for this row in the store. */
export async function readSnapshot(objects: ObjectStore, row: Uint8Array): Promise<Uint8Array> {
  const { name, bytes, sha256 } = readReference(row)
  const data = await collect(await objects.get(name), bytes)
  if (digestOf(data).sha256 !== sha256)
    throw new MeshError('STORAGE_FAILED', { detail: `the snapshot ${name} is not what was stored` })
  return new Uint8Array(data)
}

const folderPart = (name: string): string => name.slice(0, name.lastIndexOf('/'))

async function* once(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data
}

/** A document that cannot be read is refused; it is never taken for an empty one (RL12). */
function unreadable(thrown: unknown): MeshError {
  const missing = thrown instanceof MeshError && thrown.code === 'NOT_FOUND'
  if (thrown instanceof MeshError && !missing && thrown.code !== 'TOO_LARGE') return thrown
  return new MeshError('STORAGE_FAILED', { detail: 'a snapshot of the document is missing', cause: thrown })
}
