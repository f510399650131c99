/** What saving and restoring are made of on a device: the backends that it has, and where records and parts are kept. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { KernelSessions } from '../kernels/port.ts'
import { criuFolder } from './image/criu-setup.ts'
import { createImageBackend } from './image/image-backend.ts'
import type { SnapshotBackend } from './port.ts'
import { createPortableBackend } from './portable/portable-backend.ts'
import { PartSealer } from './sealed/part-sealer.ts'
import { SealedSessions, type SealedSessionsPorts } from './sealed-sessions.ts'
import type { SavedSessions } from './session-snapshots.ts'

export interface SnapshotParts {
  /** The best first. */
  backends: readonly SnapshotBackend[]
  places: SavedSessions
}

export interface SnapshotPartsPorts extends Omit<SealedSessionsPorts, 'sealer'> {
  kernels: KernelSessions
  /** Where a CRIU of the device's own is; the user's own folder if absent. */
  criuFolder: string | undefined
}

const mostSealers = 4

export function makeSnapshotParts(ports: SnapshotPartsPorts): SnapshotParts {
  const { folder, kernels, limits, random } = ports
  const criu = ports.criuFolder ?? criuFolder(process.env)
  const threads = Math.min(mostSealers, availableParallelism())
  return {
    backends: [
      createImageBackend({ criuFolder: criu, closureStore: join(folder, 'closure'), limits, random }),
      createPortableBackend({ kernels, limits }),
    ],
    places: new SealedSessions({ ...ports, folder: join(folder, 'store'), sealer: new PartSealer(threads) }),
  }
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
    close: () => Promise.resolve(),
  },
}
