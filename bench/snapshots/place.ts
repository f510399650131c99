/** A device's snapshot parts without a device: a sealed store with a key, and both backends. */
import { join } from 'node:path'
import { newId, type OrgId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SnapshotKind, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { KernelSession, KernelSessions } from '@meshbook/device/kernels/port.ts'
import { createImageBackend } from '@meshbook/device/snapshots/image/image-backend.ts'
import type { SnapshotBackend } from '@meshbook/device/snapshots/port.ts'
import { createPortableBackend } from '@meshbook/device/snapshots/portable/portable-backend.ts'
import { PartSealer } from '@meshbook/device/snapshots/sealed/part-sealer.ts'
import { SealedStore } from '@meshbook/device/snapshots/store/sealed-store.ts'
import { openDeviceDatabase } from '@meshbook/device/store/device-store.ts'
import { criuFolder } from '../../tests/contract/criu.ts'

const sealThreads = 2
const device = `dev_${'0'.repeat(26)}`

export interface SavedOnce {
  record: SnapshotRecord
  /** Until the record was durable. */
  tookMs: number
}

export class Place {
  readonly backends: Record<SnapshotKind, SnapshotBackend>
  readonly store: SealedStore
  readonly #folder: string
  readonly #close: () => Promise<void>

  private constructor(
    backends: Record<SnapshotKind, SnapshotBackend>,
    store: SealedStore,
    folder: string,
    close: () => Promise<void>,
  ) {
    this.backends = backends
    this.store = store
    this.#folder = folder
    this.#close = close
  }

  static async open(folder: string, kernels: KernelSessions): Promise<Place> {
    const database = await openDeviceDatabase(join(folder, 'device.db'), () => undefined)
    const key = systemRandom(32)
    const sealer = new PartSealer(sealThreads)
    const store = await SealedStore.open({
      folder: join(folder, 'parts'),
      org: newId('org', Date.now(), systemRandom) as OrgId,
      store: database,
      ownerKey: { current: async () => ({ version: 1, key }), open: async () => key },
      sealer,
      limits,
      now: Date.now,
    })
    const image = createImageBackend({
      criuFolder: await criuFolder(),
      closureStore: join(folder, 'closure'),
      limits,
      random: systemRandom,
    })
    const portable = createPortableBackend({ kernels, limits })
    return new Place({ image, portable }, store, folder, async () => {
      await sealer.close()
      await database.close()
    })
  }

  close(): Promise<void> {
    return this.#close()
  }

  /** The session as it is now, durable on this disk. */
  async save(kind: SnapshotKind, session: KernelSession, signal = AbortSignal.timeout(600_000)): Promise<SavedOnce> {
    const since = performance.now()
    const saving = await this.store.begin()
    try {
      const workFolder = join(this.#folder, 'work', kind, session.spec.session)
      const capture = await this.backends[kind].capture(session, { sink: saving, workFolder, signal })
      const { fit, inside, lost, pauseMs } = capture
      const facts = {
        id: newId('snapshot', Date.now(), systemRandom),
        session: session.spec.session,
        head: session.spec.head,
        fence: session.spec.fence,
        device: device as never,
        kind,
        name: null,
        asOf: { at: Date.now(), run: capture.lastRun as never },
        ...{ fit, inside, lost, pauseMs },
      }
      const record = await saving.finish(facts, capture)
      return { record, tookMs: performance.now() - since }
    } catch (error) {
      await saving.abandon()
      throw error
    }
  }
}
