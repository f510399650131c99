/** Two real hubs on one PostgreSQL and one Redis, with stock y-websocket clients: killed, cut off and restarted. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { SocketClient } from '@meshbook/relay/testing/socket-client.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { type Cluster, startCluster } from '../cluster.ts'
import { command, eventually, type MeshProcess, temporaryFolder } from '../mesh-process.ts'
import { TestPostgres } from '../postgres.ts'

const postgres = await TestPostgres.start({ after })

const room = 'me/demo/shared.md'
const socketUrl = (hub: MeshProcess) => `${hub.url.replace('http', 'ws')}/sync`

interface Stock {
  doc: Y.Doc
  provider: WebsocketProvider
  type(text: string): void
  text(): string
}

async function stock(t: TestContext, cluster: Cluster, hub: MeshProcess): Promise<Stock> {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(socketUrl(hub), room, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    params: { ticket: await cluster.ticket(hub) },
    maxBackoffTime: 200,
  })
  t.after(() => {
    provider.destroy()
    doc.destroy()
  })
  await eventually('the client is synced', () => provider.synced)
  const content = doc.getText('content')
  return { doc, provider, type: text => content.insert(content.length, text), text: () => content.toString() }
}

async function acknowledged(t: TestContext, cluster: Cluster, hub: MeshProcess): Promise<SocketClient> {
  const client = new SocketClient(`${socketUrl(hub)}/${room}?ticket=${await cluster.ticket(hub)}`)
  t.after(() => client.close())
  await client.open()
  return client
}

const same = (...clients: Stock[]) => clients.every(client => client.text() === clients[0]!.text())

test('RL130 stock clients of two hubs see each other’s edits and cursors, and no log names a password', async t => {
  const cluster = await startCluster(t, postgres)
  const [a, b] = [await stock(t, cluster, cluster.hubs[0]!), await stock(t, cluster, cluster.hubs[1]!)]
  a.type('from a. ')
  await eventually('b sees it', () => b.text() === 'from a. ')
  b.type('from b. ')
  await eventually('a sees it', () => a.text() === 'from a. from b. ')
  a.provider.awareness.setLocalState({ name: 'ada' })
  await eventually('b sees the cursor', () => b.provider.awareness.getStates().get(a.doc.clientID)?.name === 'ada')
  for (let i = 0; i < 200; i++) {
    a.type('a')
    b.type('b')
    if (i % 20 === 0) await new Promise(resolve => setTimeout(resolve, 5))
  }
  await eventually('both have all', () => a.text().length === 416 && same(a, b))
  const password = new URL(cluster.database.url).password
  for (const hub of cluster.hubs) assert.ok(!hub.errors().includes(password))
})

test('I1 I9 kill -9 of one hub loses nothing that was seen on the other or acknowledged', async t => {
  const cluster = await startCluster(t, postgres)
  const [first, second] = cluster.hubs as [MeshProcess, MeshProcess]
  const writer = await acknowledged(t, cluster, first)
  const reader = await stock(t, cluster, second)
  const content = writer.doc.getText('content')
  let typed = 0
  const typing = setInterval(() => content.insert(content.length, `${typed++} `), 1)
  await eventually('edits flow', () => reader.text().split(' ').length > 200)
  await first.kill('SIGKILL')
  clearInterval(typing)
  const seen = reader.text()
  const told = Array.from({ length: writer.durable }, (_, i) => `${i} `).join('')
  assert.ok(writer.durable > 100, `${writer.durable} were acknowledged`)
  await eventually('the reader has all that was acknowledged', () => reader.text().startsWith(told))
  const fresh = await stock(t, cluster, await cluster.startHub())
  assert.ok(fresh.text().startsWith(told) && fresh.text().startsWith(seen))
  fresh.type('after')
  await eventually('the other hub goes on', () => reader.text().endsWith('after') && same(reader, fresh))
})

test('RL131 Redis stopped and started again in the middle: edits arrive all the while, and nothing is lost', async t => {
  const cluster = await startCluster(t, postgres)
  const [a, b] = [await stock(t, cluster, cluster.hubs[0]!), await stock(t, cluster, cluster.hubs[1]!)]
  a.type('with ')
  await eventually('b sees it', () => b.text() === 'with ')
  await cluster.redis.stop()
  a.type('without ')
  await eventually('b sees it without Redis', () => b.text() === 'with without ')
  b.type('both ways ')
  await eventually('a sees it without Redis', () => same(a, b))
  await cluster.redis.run()
  a.type('again')
  await eventually('b sees it', () => b.text() === 'with without both ways again')
})

for (const signal of ['SIGINT', 'SIGQUIT'] as const)
  test(`RL122 PostgreSQL ended by ${signal} in the middle: no acknowledged edit is lost, and the hubs go on by themselves`, async t => {
    const cluster = await startCluster(t, postgres)
    const [first, second] = cluster.hubs as [MeshProcess, MeshProcess]
    const writer = await acknowledged(t, cluster, first)
    const [a, b] = [await stock(t, cluster, first), await stock(t, cluster, second)]
    const content = writer.doc.getText('content')
    let typed = 0
    const typing = setInterval(() => content.insert(content.length, `${typed++} `), 2)
    await eventually('edits flow', () => b.text().split(' ').length > 50)
    await postgres.stop(signal)
    clearInterval(typing)
    const told = Array.from({ length: writer.durable }, (_, i) => `${i} `).join('')
    a.type('meanwhile ')
    await eventually('the hub says that it is not ready', async () => !(await fetch(`${first.url}/readyz`)).ok)
    await postgres.run()
    await eventually('the hub is ready', async () => (await fetch(`${first.url}/readyz`)).ok, 30_000)
    await eventually('all have all', () => b.text().includes('meanwhile ') && same(a, b), 60_000)
    assert.ok(b.text().includes(told), 'what was acknowledged is there')
    assert.equal(b.text().split('meanwhile').length, 2, 'and nothing twice')
  })

test('S21 a hub refuses to run as superuser, as the owner of its tables, or on tables that nobody made', async t => {
  const database = await postgres.newDatabase()
  const data = await temporaryFolder(t)
  const start = (url: string, ...more: string[]) =>
    command(['hub', '--port', '0', '--json', '--data', data, ...more], { MESHBOOK_DATABASE_URL: url })
  const refusals = async (url: string, ...more: string[]) => {
    const { code, stdout, stderr } = await start(url, ...more)
    assert.ok(!`${stdout}${stderr}`.includes(new URL(url).password), 'no password is told')
    return [code, /DATABASE_\w+|BAD_CONFIG/.exec(`${stdout}${stderr}`)?.[0]]
  }
  assert.deepEqual(await refusals(database.url), [1, 'DATABASE_OLD'])
  assert.deepEqual(await refusals(database.url, '--migrate'), [2, 'BAD_CONFIG'])
  assert.equal(
    (
      await command(['hub', '--migrate', '--data', data], {
        MESHBOOK_DATABASE_URL: database.url,
        MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl,
      })
    ).code,
    0,
  )
  assert.deepEqual(await refusals(database.superuserUrl), [1, 'DATABASE_ROLE'])
  assert.deepEqual(await refusals(database.ownerUrl), [1, 'DATABASE_ROLE'])
})
