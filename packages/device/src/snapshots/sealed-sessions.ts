/**
 * The place where saved sessions are kept, sealed: this device's store, and the hub behind it. What is damaged here is
 * fetched again; what is damaged at the hub is told it, so that nobody is offered it again.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, type Now, newId, type RandomBytes, type SnapshotId } from '@meshbook/core/ids.ts'
import type { PartId, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { PartSource } from './port.ts'
import type { PartSealer } from './sealed/part-sealer.ts'
import type { Examined, Expected, KeptRecord, Progress, SavedSessions, Saving } from './session-snapshots.ts'
import { type SavingParts, SealedStore, type SealedStorePorts } from './store/sealed-store.ts'
import { SnapshotTransfer, type TransferPorts } from './transfer.ts'

export interface SealedSessionsPorts extends SealedStorePorts, Omit<TransferPorts, 'store' | 'limits'> {
  self: DeviceId
  sealer: PartSealer
  now: Now
  random: RandomBytes
  /** What may be sent now; less than all on a metered network. */
  mostUploadBytes?(): number
  log: { warn(detail: object, message: string): void }
}

interface Opened {
  store: SealedStore
  transfer: SnapshotTransfer
}

export class SealedSessions implements SavedSessions {
  readonly #ports: SealedSessionsPorts
  readonly #opening: Promise<Opened>
  /** Captures that are under way. */
  readonly #saving = new Set<SavingParts>()
  readonly #closed = new AbortController()

  constructor(ports: SealedSessionsPorts) {
    this.#ports = ports
    this.#opening = SealedStore.open(ports).then(store => ({
      store,
      transfer: new SnapshotTransfer({ ...ports, store }),
    }))
    // Whoever asks for something is told.
    this.#opening.catch(() => undefined)
  }

  async begin(): Promise<Saving> {
    const { store } = await this.#opening
    this.#closed.signal.throwIfAborted()
    const parts = await store.begin()
    this.#saving.add(parts)
    const { now, random, self } = this.#ports
    return {
      put: bytes => parts.put(bytes),
      has: part => parts.has(part),
      finish: (about, capture) => {
        const { fit, inside, lost, pauseMs } = capture
        const id = newId('snapshot', now(), random)
        return parts.finish({ ...about, id, device: self, fit, inside, lost, pauseMs }, capture)
      },
      abandon: async () => {
        this.#saving.delete(parts)
        await parts.abandon()
      },
    }
  }

  async kept(): Promise<KeptRecord[]> {
    const { store } = await this.#opening
    return store.all().filter(({ record }) => record.device === this.#ports.self)
  }

  async upload(record: SnapshotRecord, signal: AbortSignal): Promise<void> {
    const { store, transfer } = await this.#opening
    const { mostUploadBytes = () => Number.POSITIVE_INFINITY } = this.#ports
    const release = await store.use(record.id)
    try {
      if (!store.isAtHub(record.id))
        await transfer.upload(record, { signal: this.#until(signal), mostBytes: mostUploadBytes() })
    } finally {
      release()
    }
    await store.markAtHub(record.id)
  }

  async superseded(snapshot: SnapshotId): Promise<void> {
    const { store } = await this.#opening
    if (!store.isAtHub(snapshot)) await store.drop(snapshot)
  }

  async find(snapshot: SnapshotId, signal: AbortSignal): Promise<SnapshotRecord> {
    const { store, transfer } = await this.#opening
    return store.find(snapshot) ?? transfer.record(snapshot, this.#until(signal))
  }

  async examine(record: SnapshotRecord, expected: Expected, signal: AbortSignal): Promise<Examined> {
    const { store } = await this.#opening
    await store.checkAsked(record, expected)
    const plan = await this.#orToldRefused(record, signal, async () => {
      await this.#bring(record, [record.manifest], { signal, progress: () => undefined })
      await this.#whole(record, record.manifest, signal)
      return store.plan(record)
    })
    const named = new Set(record.parts)
    const source: PartSource = {
      get: part =>
        named.has(part)
          ? this.#orToldRefused(record, signal, () => this.#whole(record, part, signal))
          : store.source(record).get(part),
    }
    return { plan, source }
  }

  async fetch(record: SnapshotRecord, options: Progress): Promise<void> {
    const { store } = await this.#opening
    await this.#orToldRefused(record, options.signal, () => this.#bring(record, record.parts, options))
    if (!store.isWhole(record.id)) await store.arrived(record.id)
  }

  async close(): Promise<void> {
    this.#closed.abort(new MeshError('SHUTTING_DOWN'))
    const { store } = await this.#opening
    for (const parts of [...this.#saving]) await parts.abandon()
    await store.close()
    await this.#ports.sealer.close()
  }

  /** Those of them that are not here, from the hub. */
  async #bring(record: SnapshotRecord, parts: readonly PartId[], { signal, progress }: Progress): Promise<void> {
    const { store, transfer } = await this.#opening
    await store.expect(record)
    const release = await store.use(record.id)
    try {
      const lacking = new Set(store.missing(record))
      const wanted = parts.filter(part => lacking.has(part))
      if (wanted.length > 0) await transfer.download(record, wanted, { signal: this.#until(signal), progress })
    } finally {
      release()
    }
  }

  /** What the disk has altered is fetched again, once, if the hub has it. */
  async #whole(record: SnapshotRecord, part: PartId, signal: AbortSignal): Promise<Uint8Array> {
    const { store } = await this.#opening
    try {
      return await store.source(record).get(part)
    } catch (thrown) {
      if (asMeshError(thrown).code !== 'SNAPSHOT_REFUSED' || !store.isAtHub(record.id)) throw thrown
      await store.forget(part)
      await this.#bring(record, [part], { signal, progress: () => undefined })
      return store.source(record).get(part)
    }
  }

  async #orToldRefused<T>(record: SnapshotRecord, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      const error = asMeshError(thrown)
      const { store, transfer } = await this.#opening
      if (error.code === 'SNAPSHOT_REFUSED' && store.isAtHub(record.id)) {
        await store.drop(record.id)
        await transfer
          .refused(record.id, error, this.#until(signal))
          .catch((failed: unknown) =>
            this.#ports.log.warn({ err: asMeshError(failed), snapshot: record.id }, 'a refusal was not told'),
          )
      }
      throw thrown
    }
  }

  #until(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closed.signal])
  }
}
