/** Bugs of those who write to a database: answers before it is durable, and snapshots that stand for too much. */

import type { DeviceDatabase } from '@meshbook/device/store/device-store.ts'
import type { DocumentStore } from '@meshbook/relay/store/document-store.ts'
import { type PlantedBug, planted } from './planted-bug.ts'

/** Says "stored" at once and stores a while later. */
function hasty(store: DocumentStore): DocumentStore {
  const positions = new Map<string, number>()
  return {
    open: async key => {
      const stored = await store.open(key)
      positions.set(key.document, stored.position)
      return stored
    },
    append: async (key, epoch, updates) => {
      const position = (positions.get(key.document) ?? 0) + updates.length
      positions.set(key.document, position)
      setTimeout(() => void store.append(key, epoch, updates).catch(() => undefined), 150)
      return position
    },
    compact: async () => undefined,
    replace: (key, replacement) => store.replace(key, replacement),
  }
}

/** Takes the newest position for that of the snapshot, and so drops what was stored while it was made. */
function trimsTooMuch(store: DocumentStore): DocumentStore {
  return {
    open: key => store.open(key),
    append: (key, epoch, updates) => store.append(key, epoch, updates),
    replace: (key, replacement) => store.replace(key, replacement),
    compact: async (key, epoch, { data }) => {
      const { position } = await store.open(key)
      await store.compact(key, epoch, { position, data })
    },
  }
}

/** A device's database whose procedure `name` is called differently. */
function withCall(database: DeviceDatabase, name: string, call: (args: unknown) => Promise<unknown>): DeviceDatabase {
  const original = database.call as (procedure: string, args: unknown) => Promise<unknown>
  return {
    call: ((procedure: string, args: unknown) =>
      procedure === name ? call(args) : original(procedure, args)) as DeviceDatabase['call'],
    query: database.query,
    health: () => database.health(),
    close: () => database.close(),
  }
}

const savesBaseLater = (database: DeviceDatabase): DeviceDatabase =>
  withCall(database, 'saveProjection', async args => {
    const save = database.call as (procedure: string, args: unknown) => Promise<unknown>
    setTimeout(() => void save('saveProjection', args).catch(() => undefined), 400)
  })

/** After a restart the file is taken for text that nobody has seen yet. */
function forgetsBase(database: DeviceDatabase): DeviceDatabase {
  const original = database.query as (procedure: string, args: unknown) => Promise<unknown>
  const query = async (procedure: string, args: unknown): Promise<unknown> => {
    const found = await original(procedure, args)
    if (procedure !== 'loadProjection' || !found) return found
    return { ...found, base: { text: '', snapshot: null }, past: [] }
  }
  return {
    call: database.call,
    query: query as DeviceDatabase['query'],
    health: () => database.health(),
    close: () => database.close(),
  }
}

export const storeBugs: PlantedBug[] = [
  planted('the hub acknowledges before the fsync', 100, { hubStore: hasty }),
  planted('a device acknowledges before the fsync', 200, { deviceStore: hasty }),
  planted('a compaction trims up to the newest position', 400, { hubStore: trimsTooMuch, deviceStore: trimsTooMuch }),
  planted('the base of a file is stored after the file', 200, { deviceDatabase: savesBaseLater }),
  planted('a document is seeded again from its file after a restart', 100, { deviceDatabase: forgetsBase }),
]
