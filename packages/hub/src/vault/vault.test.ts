/** The vault through its routes, and what becomes of it when keys turn or rows are changed. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import type { AuditEntry } from '@meshbook/core/api.ts'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { StoredKey } from '@meshbook/core/tasks-api.ts'
import { parseHubConfig } from '../config.ts'
import { startHub } from '../hub.ts'
import { newLog } from '../log.ts'
import { backUp, restoreInto, verifyIn } from '../testing/backup-job.ts'
import { type ModelProvider, startProvider } from '../testing/model-provider.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestUser } from '../testing/test-user.ts'
import { Secret } from './secret.ts'

const canary = 'sk-canary-that-nobody-may-see-4711'
const hasCode = (code: ErrorCode) => (error: unknown) => error instanceof MeshError && error.code === code

async function withKey(
  t: TestContext,
  env: NodeJS.ProcessEnv = {},
): Promise<{ hub: TestHub; provider: ModelProvider }> {
  const provider = await startProvider(t, canary)
  const hub = await startTestHub(t, { env: { MESHBOOK_OPENAI_URL: provider.url, ...env } })
  await hub.json('PUT', '/keys/openai', { kind: 'openai', value: canary })
  return { hub, provider }
}

/** Whether the hub can use its key: what the gateway answers. */
async function ask(hub: TestHub): Promise<number> {
  const body = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }], max_tokens: 5 })
  const headers = { authorization: `Bearer ${hub.token}`, 'content-type': 'application/json' }
  const answer = await rawRequest(`${hub.hub.url}/gateway/openai/v1/chat/completions`, {
    method: 'POST',
    headers,
    body,
  })
  return answer.status
}

const listed = async (hub: TestHub): Promise<StoredKey[]> =>
  (await hub.json<{ items: StoredKey[] }>('GET', '/keys')).items

function changing<T>(hub: TestHub, change: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(hub.folder, 'hub.db'))
  try {
    return change(database)
  } finally {
    database.close()
  }
}

test('VA4 a secret is text in one place alone', () => {
  const secret = new Secret(canary)
  assert.equal(secret.reveal(), canary)
  for (const text of [String(secret), `${secret}`, inspect(secret), inspect({ deep: { secret } }, { depth: 9 })])
    assert.ok(!text.includes('canary') && text.includes('[secret]'), text)
  assert.throws(() => JSON.stringify({ secret }), hasCode('INTERNAL'))
  assert.deepEqual(structuredClone(secret), {})
  const lines: string[] = []
  newLog('info', { write: line => void lines.push(line) }).info({ secret, apiKey: canary }, `about ${secret}`)
  assert.ok(lines.length === 1 && !lines[0]!.includes('canary'))
  assert.deepEqual([secret.ends, new Secret('short').ends], ['4711', ''])
})

test('VA1 VA5 VA10 a key is set, listed without its value, used, removed; each is in the audit log', async t => {
  const { hub } = await withKey(t)
  await hub.json('PUT', '/keys/work.git', { kind: 'git', value: 'short', at: 'git.example' })
  assert.deepEqual(
    (await listed(hub)).map(({ name, kind, at, ends, usedAt }) => [name, kind, at, ends, usedAt]),
    [
      ['openai', 'openai', null, '4711', null],
      ['work.git', 'git', 'git.example', '', null],
    ],
  )
  assert.equal(await ask(hub), 200)
  assert.equal(await ask(hub), 200)
  assert.ok((await listed(hub))[0]!.usedAt !== null)
  await hub.json('PUT', '/keys/openai', { kind: 'openai', value: `${canary}-2` })
  assert.equal(await ask(hub), 403, 'the provider wants the one before')
  await hub.json('DELETE', '/keys/openai')
  assert.equal((await hub.api('DELETE', '/keys/openai')).status, 404)
  assert.equal(await ask(hub), 422)
  const { items } = await hub.json<{ items: AuditEntry[] }>('GET', '/audit')
  const about = items.filter(({ target }) => target === 'openai').map(({ action }) => action)
  assert.deepEqual(about, ['key-removed', 'key-used', 'key-set', 'key-used', 'key-set'])
  assert.ok(!JSON.stringify(items).includes('canary'))
  for (const [name, body] of [
    ['a b', { kind: 'openai', value: 'x' }],
    ['a', { kind: 'nobody', value: 'x' }],
    ['a', { kind: 'openai', value: 'two words' }],
    ['a', { kind: 'openai', value: 'x\r\nHost: y' }],
    ['a', { kind: 'openai', value: 'x', at: 'file:///etc/passwd' }],
    ['a', { kind: 'openai', value: 'x', at: 'https://user:pass@models.example' }],
    ['a', { kind: 'git', value: 'x', at: 'a host' }],
  ] as const)
    assert.equal((await hub.api('PUT', `/keys/${encodeURIComponent(name)}`, body)).status, 400, JSON.stringify(body))
})

test('VA6 only the owner of the hub names an address in a private network', async t => {
  const { hub } = await withKey(t)
  const stranger = await addTestUser(hub, 'stranger')
  const wish = { kind: 'openai', value: 'x', at: 'http://127.0.0.1:9999/v1' }
  assert.equal(await stranger.status('PUT', '/keys/openai', wish), 422)
  assert.equal((await hub.api('PUT', '/keys/openai', { ...wish, at: 'http://169.254.169.254/' })).status, 422)
  assert.equal((await hub.api('PUT', '/keys/openai', wish)).status, 200)
})

test('VA2 a row that was changed, renamed, moved to another org or pointed elsewhere opens nothing', async t => {
  const { hub, provider } = await withKey(t)
  const other = await addTestUser(hub, 'other')
  assert.equal(await other.status('PUT', '/keys/openai', { kind: 'openai', value: 'of-another' }), 200)
  const row = changing(hub, database =>
    database.prepare("SELECT org_id AS org, sealed FROM vault_keys WHERE ends = '4711'").get(),
  ) as { org: string; sealed: string }
  const changes: [string, string][] = [
    ["good_at = 'http://127.0.0.1:1'", 'good_at = NULL'],
    ['inside = 1', 'inside = 0'],
    ["name = 'renamed'", "name = 'openai'"],
    [`sealed = (SELECT sealed FROM vault_keys WHERE org_id <> '${row.org}')`, `sealed = '${row.sealed}'`],
    ["sealed = ''", `sealed = '${row.sealed}'`],
  ]
  for (const [change, back] of changes) {
    changing(hub, database => database.exec(`UPDATE vault_keys SET ${change} WHERE org_id = '${row.org}'`))
    assert.equal(await ask(hub), 422, change)
    changing(hub, database => database.exec(`UPDATE vault_keys SET ${back} WHERE org_id = '${row.org}'`))
    assert.equal(await ask(hub), 200, back)
  }
  assert.equal(provider.seen.length, changes.length)
})

test('VA20 the master key is changed by naming the one before; a wrong one opens nothing and loses nothing', async t => {
  const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
  const { hub, provider } = await withKey(t, { MESHBOOK_MASTER_KEY: first })
  const again = async (env: NodeJS.ProcessEnv): Promise<void> => {
    await hub.hub.close()
    const config = parseHubConfig({ MESHBOOK_OPENAI_URL: provider.url, ...env }, { port: 0, data: hub.folder })
    hub.hub = await startHub(config, { now: Date.now, random: systemRandom, log: newLog('silent') })
    hub.token = await hub.hub.commandLineToken()
  }
  const wrapped = (): unknown =>
    changing(hub, database => database.prepare('SELECT wrapped FROM vault_data_keys').get())
  await again({ MESHBOOK_MASTER_KEY: second })
  assert.equal(await ask(hub), 422)
  assert.equal((await hub.api('PUT', '/keys/more', { kind: 'git', value: 'x' })).status, 422)
  await again({ MESHBOOK_MASTER_KEY: second, MESHBOOK_MASTER_KEY_OLD: first })
  assert.equal(await ask(hub), 200)
  const after = wrapped()
  await again({ MESHBOOK_MASTER_KEY: second, MESHBOOK_MASTER_KEY_OLD: first })
  assert.deepEqual(wrapped(), after)
  await again({ MESHBOOK_MASTER_KEY: second })
  assert.equal(await ask(hub), 200)
  await again({ MESHBOOK_MASTER_KEY: first })
  assert.equal(await ask(hub), 422)
  await hub.json('DELETE', '/keys/openai')
  await hub.json('PUT', '/keys/openai', { kind: 'openai', value: canary })
  assert.equal(await ask(hub), 200, 'VA23 set anew under the key that is there')
})

test('VA21 the data key turns while keys are set and used, and the old one is gone', async t => {
  const { hub } = await withKey(t)
  const before = changing(hub, database => database.prepare('SELECT version, wrapped FROM vault_data_keys').all())
  const statuses = await Promise.all([
    ...Array.from({ length: 4 }, () => hub.api('POST', '/keys/turn').then(({ status }) => status)),
    ...Array.from({ length: 8 }, (_, i) =>
      hub.api('PUT', `/keys/k${i}`, { kind: 'git', value: `value ${i}` }).then(({ status }) => status),
    ),
    ...Array.from({ length: 4 }, () => ask(hub)),
  ])
  assert.ok(
    statuses.every(status => [200, 204, 409].includes(status)),
    String(statuses),
  )
  await hub.json('POST', '/keys/turn')
  const after = changing(hub, database => database.prepare('SELECT version, wrapped FROM vault_data_keys').all())
  assert.equal(after.length, 1)
  assert.notDeepEqual(after, before)
  assert.equal(await ask(hub), 200)
  const { items } = await hub.json<{ items: AuditEntry[] }>('GET', '/audit?action=data-key-turned')
  assert.ok(items.length >= 1)
})

test('VA3 VA30 VA31 a backup opens its keys where the master key is, and nothing without it', async t => {
  const { hub } = await withKey(t)
  const backup = await backUp(t, hub.folder)
  assert.deepEqual((await verifyIn(hub.folder, backup)).secrets, { orgs: 1, opened: 1 })
  await hub.hub.close()
  const master = await readFile(join(hub.folder, 'master.key'), 'utf8')
  for (const { parentPath, name } of await readdir(hub.folder, { recursive: true, withFileTypes: true })) {
    const text = await readFile(join(parentPath, name), 'latin1').catch(() => '')
    assert.ok(!text.includes('canary'), name)
    assert.ok(name === 'master.key' || !text.includes(master.trim()), name)
  }
  await restoreInto(hub.folder, backup, true)
  await hub.restart()
  hub.token = await hub.hub.commandLineToken()
  assert.equal(await ask(hub), 200)
  await hub.hub.close()
  await rm(hub.folder, { recursive: true })
  assert.deepEqual((await restoreInto(hub.folder, backup)).secrets, { orgs: 1, opened: 0 })
  await hub.restart()
  hub.token = await hub.hub.commandLineToken()
  assert.equal(await ask(hub), 422)
  await hub.hub.close()
  changing(hub, database => database.exec("UPDATE vault_keys SET sealed = 'AAAA' || sealed"))
  const damaged = await backUp(t, hub.folder)
  assert.equal((await verifyIn(hub.folder, damaged)).secrets.opened, 0)
  await (await import('../backup/whole-file.ts')).writeWhole(join(hub.folder, 'master.key'), master)
  await assert.rejects(verifyIn(hub.folder, damaged), hasCode('BACKUP_DAMAGED'))
})
