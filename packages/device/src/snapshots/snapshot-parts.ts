/** What saving and restoring are made of on a device: the backends that it has, and where records and parts are kept. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { SnapshotBackend } from './port.ts'
import type { SavedSessions } from './session-snapshots.ts'

export interface SnapshotParts {
  /** The best first. */
  backends: readonly SnapshotBackend[]
  places: SavedSessions
}

const nowhere = (): never => {
  throw new MeshError('SNAPSHOTS_OFF')
}

/** Where nothing is saved. */
export const noParts: SnapshotParts = {
  backends: [],
  places: {
    begin: async () => nowhere(),
    kept: async () => [],
    upload: async () => nowhere(),
    superseded: async () => nowhere(),
    find: async () => nowhere(),
    examine: async () => nowhere(),
    fetch: async () => nowhere(),
  },
}
