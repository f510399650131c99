/**
 * Two whole hubs of this process on one real PostgreSQL, with a real Redis or without, for tests with scripted devices.
 * A change made straight at `database` is that of a third hub, killed right after its commit.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { limits, scaledTimes } from '@meshbook/core/limits.ts'
import { hubModules } from '@meshbook/hub/store/open-store.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import { atEnd } from '@meshbook/hub/testing/at-end.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '@meshbook/hub/testing/test-hub.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { createParser } from 'eventsource-parser'
import { eventually } from './mesh-process.ts'
import type { TestPostgres } from './postgres.ts'
import { TestRedis } from './redis.ts'

export interface TwoHubs {
  a: TestHub
  b: TestHub
  database: PostgresDatabase<HubProcedures>
}

export interface TwoHubsOptions {
  redis?: boolean
  env?: NodeJS.ProcessEnv
  /** What is one hub's alone. */
  of?(hub: 'a' | 'b'): TestHubOptions
}

/** Times of heartbeats and leases are divided by 30; `redis`: whether hubs wake each other. */
export async function startTwoHubs(
  t: TestContext,
  postgres: TestPostgres,
  { redis = true, env = {}, of = () => ({}) }: TwoHubsOptions = {},
): Promise<TwoHubs> {
  const { url, ownerUrl } = await postgres.newDatabase()
  await migratePostgres({ ownerUrl, modules: hubModules, role: new URL(url).username })
  const wake = redis ? { MESHBOOK_REDIS_URL: (await TestRedis.start(t)).url } : {}
  const options = { env: { MESHBOOK_DATABASE_URL: url, ...wake, ...env }, timesDivisor: 30 }
  const a = await startTestHub(t, { ...options, ...of('a') })
  const b = await startTestHub(t, { ...options, ...of('b') })
  assert.equal(a.project.id, b.project.id)
  const database = await PostgresDatabase.open<HubProcedures>({ url, modules: hubModules })
  atEnd(t, () => database.close())
  return { a, b, database }
}

/** How long what a killed hub left may take: a look at the news, and two turns of what is handed over again. */
export const repairMs = limits.neighbourPollMs + 3 * scaledTimes(30).heartbeatMs + 2_000

export interface HeardEvent {
  type: string
  data: string
}

/** What `GET /events` of a hub tells, from now on, and whether the hub has ended it. */
export async function hearEvents(
  t: TestContext,
  test: TestHub,
  headers: Record<string, string> = { authorization: `Bearer ${test.token}` },
): Promise<{ events: HeardEvent[]; isOver: () => boolean; has: (type: string, text?: string) => Promise<true> }> {
  const stop = new AbortController()
  atEnd(t, () => stop.abort())
  const response = await fetch(`${test.hub.url}/api/v1/events`, { headers, signal: stop.signal })
  assert.equal(response.status, 200)
  const events: HeardEvent[] = []
  let over = false
  const parser = createParser({ onEvent: ({ event, data }) => void events.push({ type: event ?? '', data }) })
  const reading = async (): Promise<void> => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) parser.feed(chunk)
  }
  const ended = (): void => {
    over = true
  }
  reading().then(ended, ended)
  const has = (type: string, text = ''): Promise<true> =>
    eventually(
      `the event ${type} ${text}`,
      () => events.some(e => e.type === type && e.data.includes(text)) || undefined,
    )
  return { events, isOver: () => over, has }
}
