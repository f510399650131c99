/** Two hub processes on one PostgreSQL, with a Redis between them or without. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { hubModules } from '@meshbook/hub/store/open-store.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import type { TestPostgres } from '../postgres.ts'
import { TestRedis } from '../redis.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

export async function startHubPair(
  t: Pick<TestContext, 'after'>,
  postgres: TestPostgres,
  { redis }: { redis: boolean },
): Promise<{ holder: HubAddress; other: HubAddress }> {
  const { url, ownerUrl } = await postgres.newDatabase()
  await migratePostgres({ ownerUrl, modules: hubModules, role: new URL(url).username })
  const wake = redis ? { MESHBOOK_REDIS_URL: (await TestRedis.start(t)).url } : {}
  const start = async (): Promise<HubAddress> => {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-pair-'))
    const hub = new HubProcess(join(folder, 'data'), { MESHBOOK_DATABASE_URL: url, ...wake })
    t.after(async () => {
      await hub.kill()
      await rm(folder, { recursive: true, force: true })
    })
    return hub.ready()
  }
  return { holder: await start(), other: await start() }
}
