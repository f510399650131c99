/** A hub's assets as files in a folder, and devices that share their files through it: what the tests of files share. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, type DocumentId, newId, systemRandom } from '@meshbook/core/ids.ts'
import { NodeBigFiles } from '../projects/big-files.ts'
import type { Disk } from '../projects/disk.ts'
import type { AssetFileRow } from '../store/asset-files.ts'
import { type Place, place, quickLimits } from './project-place.ts'

export class FileHub {
  readonly folder: string
  readonly files = new NodeBigFiles()
  isOnline = true
  /** Bytes of downloads that were cut. */
  readonly received = new Map<AssetId, number>()
  staged = 0
  digested = 0
  #count = 0

  constructor(folder: string) {
    this.folder = folder
  }

  async stage(file: string, maxBytes: number, signal: AbortSignal) {
    await mkdir(this.folder, { recursive: true })
    const part = join(this.folder, `part-${++this.#count}`)
    const digest = await this.files.copy(file, part, maxBytes, signal).catch(async thrown => {
      await rm(part, { force: true })
      throw thrown
    })
    if (digest) await rename(part, join(this.folder, digest.asset))
    this.staged++
    return digest
  }

  async fetch<T>(asset: AssetId, _maxBytes: number, use: (file: string) => Promise<T>): Promise<T> {
    if (!this.isOnline) throw new MeshError('UNREACHABLE')
    if (!(await this.assets()).includes(asset)) throw new MeshError('NOT_FOUND')
    return use(join(this.folder, asset))
  }

  async assets(): Promise<string[]> {
    return (await readdir(this.folder).catch(() => [])).filter(name => !name.startsWith('part-'))
  }
}

export class MemoryRows {
  readonly rows = new Map<DocumentId, AssetFileRow>()
  list = async () => structuredClone([...this.rows.values()])
  save = async (row: AssetFileRow) => void this.rows.set(row.id, structuredClone(row))
  remove = async (id: DocumentId) => void this.rows.delete(id)
}

export interface Sharer extends Place {
  files: MemoryRows
}

/** A device of a project; the second of the same project shares the documents of the first, unless it is apart. */
export async function sharer(t: TestContext, hub: FileHub, name: string, other?: Place): Promise<Sharer> {
  const made = Object.assign(await place(t), { files: new MemoryRows() })
  if (other) Object.assign(made, { documents: other.documents, project: other.project })
  made.isAlone = false
  made.limits = { ...quickLimits, fileMaxWaitMs: 40 }
  const digest: FileHub['files']['digest'] = (...args) => {
    hub.digested++
    return hub.files.digest(...args)
  }
  made.sharing = {
    store: made.files,
    files: { digest, copy: (...args) => hub.files.copy(...args) },
    stage: (...args) => hub.stage(...args),
    fetch: (...args) => hub.fetch(...args),
    received: async asset => hub.received.get(asset) ?? 0,
    device: name,
  }
  return made
}

export const newEntryId = (): DocumentId => newId('document', Date.now(), systemRandom)

/** Makes the steps of a mortal process of whatever a device asks of its store and of large files. */
export function mortalSharing(made: Sharer, step: () => Promise<void>, disk: Disk): void {
  const { store, files, stage, fetch, received, device } = made.sharing!
  made.sharing = {
    device,
    store: {
      list: store.list,
      save: async row => {
        await step()
        await store.save(row)
      },
      remove: async id => {
        await step()
        await store.remove(id)
      },
    },
    files: {
      digest: (...args) => files.digest(...args),
      copy: async (...args) => {
        await step()
        return files.copy(...args)
      },
    },
    stage: async (...args) => {
      await step()
      return stage(...args)
    },
    fetch,
    received,
  }
  made.disk = disk
}
