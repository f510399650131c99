/** What `meshbook doctor` says of the servers that the settings name: the database and Redis. It prints no password. */
import { asMeshError } from '@meshbook/core/errors.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { pingRedis } from '@meshbook/hub/documents/redis-neighbours.ts'
import { openStore } from '@meshbook/hub/store/open-store.ts'
import type { Finding } from './checks.ts'

export async function checkServers(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const findings: Finding[] = []
  const config = settingsOf(env)
  if ('check' in config) return [config]
  if (config.database) findings.push(await checkDatabase(config.database.url))
  if (config.redisUrl !== null) findings.push(await checkRedis(config.redisUrl))
  if (config.redisUrl !== null && !config.database)
    findings.push({
      check: 'Redis',
      ok: false,
      seen: 'MESHBOOK_REDIS_URL without MESHBOOK_DATABASE_URL',
      fix: 'Several hubs need one PostgreSQL database; one hub on a file needs no Redis.',
    })
  return findings
}

function settingsOf(env: NodeJS.ProcessEnv): ReturnType<typeof parseHubConfig> | Finding {
  try {
    return parseHubConfig(env)
  } catch (thrown) {
    const { message } = asMeshError(thrown)
    return { check: 'Settings', ok: false, seen: message, fix: 'Each setting is explained below.' }
  }
}

/** Opens it as the hub would, with the same refusals, and reads once. The tables are left as they are. */
async function checkDatabase(url: string): Promise<Finding> {
  const check = `PostgreSQL at ${new URL(url).host}`
  try {
    const { store } = await openStore({ dataFolder: '', database: { url, ownerUrl: null } }, () => undefined)
    try {
      const started = performance.now()
      await store.query('everyProject')
      return { check, ok: true, seen: `one read takes ${(performance.now() - started).toFixed(1)} ms` }
    } finally {
      await store.close()
    }
  } catch (thrown) {
    const error = asMeshError(thrown)
    return { check, ok: false, seen: error.message, fix: error.entry.hint }
  }
}

async function checkRedis(url: string): Promise<Finding> {
  const check = `Redis at ${new URL(url).host}`
  try {
    return { check, ok: true, seen: `answers in ${(await pingRedis(url)).toFixed(1)} ms` }
  } catch (thrown) {
    return {
      check,
      ok: false,
      seen: (thrown as Error).message,
      fix: 'Start it, or check the address. Without it nothing is lost; edits reach other hubs a second later.',
    }
  }
}
