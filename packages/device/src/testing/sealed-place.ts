/** A store of sealed parts in a folder of its own, with keys that a test may change, and records made of plain bytes. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type DeviceId, deviceIdOf, newId, parseFence, type SessionId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { Plan } from '../snapshots/port.ts'
import type { Expected } from '../snapshots/sealed/examined.ts'
import { PartSealer } from '../snapshots/sealed/part-sealer.ts'
import { type RecordFacts, SealedStore } from '../snapshots/store/sealed-store.ts'
import { type DeviceDatabase, openDeviceDatabase } from '../store/device-store.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface SealedPlace {
  folder: string
  database: DeviceDatabase
  store: SealedStore
  /** By version; the highest is the present one. */
  keys: Map<number, Uint8Array>
  clock: { at: number }
  /** The same folder and database, opened anew. */
  reopen(): Promise<void>
  close(): Promise<void>
}

export async function sealedPlace(
  given: { keys?: Map<number, Uint8Array>; limits?: Partial<Limits>; folder?: string } = {},
): Promise<SealedPlace> {
  const folder = given.folder ?? (await temporaryFolder())
  const keys = given.keys ?? new Map([[1, randomBytes(32)]])
  const clock = { at: 1_000 }
  const sealer = new PartSealer(2)
  const org = newId('org', 1, () => new Uint8Array(16))
  const ownerKey = {
    current: async () => {
      const version = Math.max(0, ...keys.keys())
      const key = keys.get(version)
      return key && { version, key }
    },
    open: async (version: number) => keys.get(version),
  }
  const openAll = async () => {
    const database = await openDeviceDatabase(join(folder, 'device.db'), () => undefined)
    const ports = { ownerKey, sealer, limits: { ...limits, ...given.limits }, now: () => clock.at++ }
    const store = await SealedStore.open({ ...ports, folder: join(folder, 'parts'), org, store: database })
    return { database, store }
  }
  const place: SealedPlace = {
    folder,
    keys,
    clock,
    ...(await openAll()),
    async reopen() {
      await place.store.close()
      await place.database.close()
      Object.assign(place, await openAll())
    },
    async close() {
      await place.store.close()
      await place.database.close()
      await sealer.close()
    },
  }
  return place
}

export const someDevice: DeviceId = deviceIdOf(new Uint8Array(32).fill(7))

export function factsOf(session: SessionId, more: Partial<RecordFacts> = {}): RecordFacts {
  return {
    id: newId('snapshot', 1, systemRandom),
    session,
    head: newId('head', 1, systemRandom),
    fence: parseFence(1),
    device: someDevice,
    kind: 'portable',
    name: null,
    asOf: { at: 100, run: null },
    fit: { os: 'linux', arch: 'x64', cpu: [], language: 'python', version: '3.11' },
    inside: { variables: [{ name: 'x', type: 'int' }], more: 0, processes: 1, threads: 1 },
    lost: [],
    pauseMs: 1,
    ...more,
  }
}

export async function save(
  { store }: SealedPlace,
  facts: RecordFacts,
  contents: readonly Uint8Array[],
  plan: Plan = { made: 'here' },
): Promise<SnapshotRecord> {
  const saving = await store.begin()
  const parts = []
  for (const bytes of contents) parts.push(await saving.put(bytes))
  return saving.finish(facts, { plan, parts })
}

/** As a lease would ask for this very record. */
export function askedFor(record: SnapshotRecord, more: Partial<Expected> = {}): Expected {
  const { id: snapshot, kind, asOf, session, fence } = record
  return { rung: { snapshot, kind, asOf }, session, fence, newest: true, ...more }
}
