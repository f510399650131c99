/** Real hubs on one PostgreSQL and one Redis, and something in front of them that sends whoever connects to one that runs. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { projectSchema } from '@meshbook/core/api.ts'
import type { ProjectId } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import { command, type MeshProcess, startProcess, temporaryFolder } from './mesh-process.ts'
import type { TestDatabase, TestPostgres } from './postgres.ts'
import { TestRedis } from './redis.ts'

export const clusterToken = 'mb_several-hubs-test-token'

export interface Cluster {
  database: TestDatabase
  redis: TestRedis
  hubs: MeshProcess[]
  project: ProjectId
  startHub(): Promise<MeshProcess>
  ticket(hub: MeshProcess): Promise<string>
}

export async function startCluster(
  t: TestContext,
  postgres: TestPostgres,
  more: NodeJS.ProcessEnv = {},
): Promise<Cluster> {
  const database = await postgres.newDatabase()
  const redis = await TestRedis.start(t)
  const env = {
    MESHBOOK_DATABASE_URL: database.url,
    MESHBOOK_REDIS_URL: redis.url,
    MESHBOOK_BOOTSTRAP_TOKEN: clusterToken,
    ...more,
  }
  const { code, stderr } = await command(['hub', '--migrate', '--data', await temporaryFolder(t)], {
    ...env,
    MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl,
  })
  assert.equal(code, 0, stderr)
  const startHub = async () => startProcess(t, await temporaryFolder(t), ['hub', '--port', '0'], env)
  const hubs = [await startHub(), await startHub()]
  const project = await clientOfHub(hubs[0]!).post('/projects', { name: 'demo' }, projectSchema)
  const ticket = async (hub: MeshProcess) => {
    const about = { project: project.id, scope: 'write' }
    return (await clientOfHub(hub).post('/tickets', about, v.object({ ticket: v.string() }))).ticket
  }
  return { database, redis, hubs, project: project.id, startHub, ticket }
}

export const clientOfHub = (hub: { url: string }): ApiClient => new ApiClient({ hub: hub.url, token: clusterToken })

/** A balancer: new connections go to the first of its hubs that takes them. */
export async function startBalancer(t: TestContext, hubs: () => { url: string }[]): Promise<{ url: string }> {
  const sockets = new Set<Socket>()
  const server = createServer(from => {
    sockets.add(from)
    from.on('error', () => from.destroy())
    from.once('close', () => sockets.delete(from))
    tryNext(from, hubs())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function tryNext(from: Socket, [first, ...rest]: { url: string }[]): void {
  if (!first) {
    from.destroy()
    return
  }
  const to = connect(Number(new URL(first.url).port), '127.0.0.1')
  to.once('error', () => (to.connecting || to.pending ? tryNext(from, rest) : from.destroy()))
  to.once('connect', () => {
    from.pipe(to).pipe(from)
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const)
      one.once('close', () => other.destroy())
  })
}
