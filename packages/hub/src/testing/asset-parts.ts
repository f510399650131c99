/** The parts of a hub that keep assets, on a real database and real files, with small limits and a clock of the test's own. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { newId, type OrgId, systemRandom, type UserId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { AssetCollector } from '../assets/asset-collector.ts'
import { AssetUploads } from '../assets/asset-uploads.ts'
import { FileObjectStore } from '../objects/file-object-store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { type AllProcedures, hubModules } from '../store/open-store.ts'
import { atEnd } from './at-end.ts'
import { temporaryFolder } from './test-hub.ts'

export interface AssetParts {
  owner: { org: OrgId; user: UserId }
  clock: { at: number }
  folder: string
  store: SqliteDatabase<AllProcedures>
  objects: ObjectStore
  documents: SqliteDocumentStore
  uploads: AssetUploads
  collector: AssetCollector
  /** What was logged as a warning. */
  warnings: string[]
}

export async function openAssetParts(
  t: TestContext,
  options: { limits?: Partial<Limits>; objects?: (files: ObjectStore) => ObjectStore; folder?: string } = {},
): Promise<AssetParts> {
  const folder = options.folder ?? (await temporaryFolder(t))
  const clock = { at: 1_800_000_000_000 }
  const store = await SqliteDatabase.open<AllProcedures>({
    file: join(folder, 'hub.db'),
    modules: hubModules,
  })
  atEnd(t, () => store.close())
  const first = await store.call('firstUser', {
    org: newId('org', 1, systemRandom),
    user: newId('user', 1, systemRandom),
    name: 'me',
    now: clock.at,
    token: null,
  })
  const files = await FileObjectStore.open(join(folder, 'assets'))
  const objects = options.objects?.(files) ?? files
  const warnings: string[] = []
  const given = {
    store,
    objects,
    now: () => clock.at,
    random: systemRandom,
    limits: { ...limits, ...options.limits },
    log: { info: () => undefined, warn: (_: object, message: string) => void warnings.push(message) },
  }
  const documents = new SqliteDocumentStore(store)
  const uploads = await AssetUploads.open({ ...given, folder: join(folder, 'uploads') })
  const collector = new AssetCollector({ ...given, documents, uploads })
  atEnd(t, async () => {
    await collector.close()
    await uploads.close()
  })
  return {
    owner: { org: first.org, user: first.user },
    clock,
    folder,
    store,
    objects,
    documents,
    uploads,
    collector,
    warnings,
  }
}
