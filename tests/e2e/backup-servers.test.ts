/** The drill of servers: a hub on PostgreSQL and S3 that is in use is backed up, lost with both, and restored; everybody comes back to it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { projectSchema } from '@meshbook/core/api.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { openS3 } from '@meshbook/hub/objects/open-objects.ts'
import { LiveDocument } from '../live-document.ts'
import { command, eventually, type MeshProcess, startProcess, temporaryFolder } from '../mesh-process.ts'
import { type TestDatabase, TestPostgres } from '../postgres.ts'
import { S3Server } from '../s3-server.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const postgres = await TestPostgres.start({ after })
const typists = 12
const clientAt = (hub: { url: string }) => new ApiClient({ hub: hub.url, token })

interface Servers {
  database: TestDatabase
  /** As a hub runs: it does not know the owner. */
  env: NodeJS.ProcessEnv
  ownerEnv: NodeJS.ProcessEnv
}

async function newServers(t: TestContext): Promise<Servers> {
  const database = await postgres.newDatabase()
  const env = { ...(await S3Server.start(t)).env(), MESHBOOK_DATABASE_URL: database.url }
  return { database, env, ownerEnv: { ...env, MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl } }
}

async function must(args: string[], env: NodeJS.ProcessEnv, printed: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await command([...args, '--json'], env, 120_000)
  printed.push(stdout, stderr)
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
}

async function typistsAt(t: TestContext, hub: MeshProcess): Promise<LiveDocument[]> {
  await clientAt(hub).post('/projects', { name: 'demo' }, projectSchema)
  return Array.from({ length: typists }, (_, i) => {
    const live = new LiveDocument(`${hub.url.replace('http', 'ws')}/sync/me/demo/doc-${i}.md`, token, `doc-${i}`)
    t.after(() => live.close())
    return live
  })
}

/** A document of more than a row holds, in so many updates that its snapshots follow each other while the backup is made. */
function fillLarge(live: LiveDocument): () => void {
  live.doc.getText('content').insert(0, Array.from({ length: 12_000 }, (_, i) => `large line ${i}, once\n`).join(''))
  const typing = setInterval(() => {
    for (let i = 0; i < 50; i++) live.type()
  }, 100)
  return () => clearInterval(typing)
}

async function snapshotsOf(env: NodeJS.ProcessEnv): Promise<string[]> {
  const s3 = openS3(parseHubConfig(env).s3!, { now: Date.now, random: systemRandom })
  const { objects } = await s3.snapshots.list('', { most: 100 })
  s3.close()
  return objects.map(({ name }) => name)
}

async function textAt(hub: MeshProcess, path: string): Promise<string> {
  const { id } = await clientAt(hub).documentAt(path)
  return clientAt(hub).text(`/documents/${id}/content`)
}

function assertOnce(text: string, live: LiveDocument, upTo: number): void {
  const lines = text.split('\n')
  assert.equal(new Set(lines).size, lines.length, 'a line is doubled')
  const there = new Set(lines)
  for (let i = 1; i <= upTo; i++) assert.ok(there.has(live.piece(i).trimEnd()), `${live.piece(i)} is lost`)
}

test('the drill on PostgreSQL and S3: backed up under writing, both lost, restored elsewhere, and everybody goes on (BK1, BK8, BK9, BK32, I1, I2)', async t => {
  const folder = await temporaryFolder(t)
  const data = join(folder, 'data')
  const printed: string[] = []
  const servers = await newServers(t)
  const { recoveryKey } = await must(['backup', '--new-key', '--data', data], {}, [])
  await must(['hub', '--migrate', '--data', data], servers.ownerEnv, printed)
  const hub = await startProcess(t, data, ['hub', '--port', '0'], { ...servers.env, MESHBOOK_BOOTSTRAP_TOKEN: token })
  const lives = await typistsAt(t, hub)
  const [large] = lives as [LiveDocument]
  await eventually('everybody is there', () => lives.every(live => live.client.synced))
  const stopLarge = fillLarge(large)
  for (const live of lives.slice(1)) live.typeEvery(20)
  const asset = Buffer.from('an asset')
  const url = `/api/v1/assets/sha256-${createHash('sha256').update(asset).digest('hex')}`
  const headers = { authorization: `Bearer ${token}` }
  assert.equal((await fetch(`${hub.url}${url}`, { method: 'PUT', headers, body: asset })).status, 201)
  await eventually('a snapshot is an object', async () => (await snapshotsOf(servers.env)).length > 0)
  await eventually('all have typed', () => lives.every(live => live.durable > 5))

  const promised = lives.map(live => live.durable)
  const [before] = await snapshotsOf(servers.env)
  const file = join(folder, 'monday.age')
  const backup = await must(['backup', file, '--data', data], servers.env, printed)
  assert.deepEqual([Number(backup.documents) >= typists, backup.assets, backup.missing], [true, 1, []])
  assert.ok(
    lives.every((live, i) => live.durable > promised[i]!),
    'the hub went on',
  )
  t.diagnostic(`snapshot ${before} became ${await snapshotsOf(servers.env)}`)
  assert.ok(!(await snapshotsOf(servers.env)).some(name => name.startsWith('holds/')), 'the hold has ended')
  const key = { MESHBOOK_RECOVERY_KEY: String(recoveryKey) }
  const verified = await must(['restore', file, '--verify', '--data', data], { ...servers.env, ...key }, printed)
  assert.equal(verified.documents, backup.documents)

  stopLarge()
  for (const live of lives) live.stopTyping()
  await Promise.all(lives.map(live => live.client.saved()))
  await hub.kill('SIGKILL')
  await rm(data, { recursive: true })
  // Typed while there is no hub.
  for (const live of lives) live.type()

  const others = await newServers(t)
  const restored = await must(['restore', file, '--data', data], { ...others.ownerEnv, ...key }, printed)
  assert.equal(restored.documents, backup.documents)
  const aside = await startProcess(t, data, ['hub', '--port', '0'], others.env)
  for (const [i, live] of lives.entries()) assertOnce(await textAt(aside, `me/demo/doc-${i}.md`), live, promised[i]!)
  assert.equal(await (await fetch(`${aside.url}${url}`, { headers })).text(), 'an asset')
  await aside.kill('SIGTERM')

  const again = await startProcess(t, data, ['hub', '--port', new URL(hub.url).port], others.env)
  await eventually('everybody is back', () => lives.every(live => live.client.synced), 30_000)
  await Promise.all(lives.map(live => live.client.saved()))
  for (const [i, live] of lives.entries()) {
    const text = await textAt(again, `me/demo/doc-${i}.md`)
    assert.equal(text, live.text)
    assertOnce(text, live, live.typed)
  }
  const passwords = [servers, others].map(({ database }) => new URL(database.ownerUrl).password)
  for (const secret of [...passwords, String(recoveryKey), token, String(servers.env.MESHBOOK_S3_SECRET_ACCESS_KEY)])
    assert.ok(!printed.join('').includes(secret), 'a command printed a secret')
})
