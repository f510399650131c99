/** The models' socket of one task, with a gateway, vault and store of its own and no hub around them. */
import { createServer, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { type OrgId, parseRunId, type RunId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type ModelWire, modelWires } from '@meshbook/core/model-wires.ts'
import type { ModelBudget, UsageReport } from '@meshbook/core/models-api.ts'
import { stopListening } from '@meshbook/relay/serve/listen.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { Audit } from '../auth/audit.ts'
import { everyScope } from '../auth/principal.ts'
import { ensureFirstUser } from '../auth/sign-in.ts'
import { Ledger } from '../gateway/ledger.ts'
import { ModelGateway } from '../gateway/model-gateway.ts'
import { modelsDoor } from '../gateway/models-door.ts'
import { newLog } from '../log.ts'
import { systemResolve } from '../outgoing/guarded-request.ts'
import { type AllProcedures, hubModules } from '../store/open-store.ts'
import { MasterKey } from '../vault/master-key.ts'
import { Secret } from '../vault/secret.ts'
import { Vault } from '../vault/vault.ts'
import { atEnd } from './at-end.ts'
import { temporaryFolder } from './test-hub.ts'

export interface TaskDoor {
  task: RunId
  socket: string
  /** The budget; it may be changed. */
  cap: ModelBudget
  ask(
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<{ status: number; text: string }>
  /** As `fetch`, but over the socket, whatever the host. */
  fetch: typeof fetch
  usage(): Promise<UsageReport>
}

export async function openTaskDoor(
  t: TestContext,
  provider: { addresses: Record<ModelWire, string>; key: string },
  cap: ModelBudget,
): Promise<TaskDoor> {
  const folder = await temporaryFolder(t)
  const store = await SqliteDatabase.open<AllProcedures>({ file: join(folder, 'hub.db'), modules: hubModules })
  const ports = { store, now: Date.now, random: systemRandom, log: newLog('silent'), times: limits }
  const { org, user, name } = await ensureFirstUser(ports, null)
  const masterKey = () =>
    MasterKey.open({ dataFolder: folder, masterKey: { key: 'ab'.repeat(32), file: null } }, systemRandom)
  const vault = new Vault({ ...ports, audit: new Audit(ports), masterKey, resolve: systemResolve })
  const who = { org, user, name, can: everyScope, credential: { kind: 'token' as const, id: 'x' } }
  for (const kind of modelWires)
    await vault.set({ who }, { name: kind, kind, secret: new Secret(provider.key), at: null })
  const ledger = new Ledger({ ...ports, hub: 'here', isShared: false })
  const config = { models: { addresses: provider.addresses, prices: {} } }
  const gateway = new ModelGateway({ ...ports, vault, ledger, config, resolve: systemResolve })
  const socket = join(folder, 'models.sock')
  const door: TaskDoor = {
    task: parseRunId('task-1'),
    socket,
    cap,
    ask: async (method, path, body, headers = { 'anthropic-version': '2023-06-01' }) => {
      const answer = await over(
        socket,
        method,
        path,
        { 'content-type': 'application/json', ...headers },
        body && JSON.stringify(body),
      )
      return { status: answer.statusCode ?? 0, text: await textOf(answer) }
    },
    fetch: overSocket(socket),
    usage: () => store.query('modelUsage', { org: org as OrgId, from: 0, to: 1e15 }),
  }
  const server = createServer(modelsDoor({ ...ports, gateway }, { org, user, task: door.task, budget: () => door.cap }))
  await new Promise<void>(resolve => server.listen(socket, resolve))
  atEnd(t, async () => {
    await stopListening(server)
    await gateway.close()
    await store.close()
  })
  return door
}

function over(
  socketPath: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
  signal?: AbortSignal | null,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers, ...(signal ? { signal } : {}) }, resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) text += piece
  return text
}

function overSocket(socket: string): typeof fetch {
  const asked = async (url: string, init: RequestInit): Promise<Response> => {
    const { pathname, search } = new URL(url)
    const headers = Object.fromEntries(new Headers(init.headers))
    const answer = await over(
      socket,
      init.method ?? 'GET',
      pathname + search,
      headers,
      init.body as string,
      init.signal,
    )
    const body = Readable.toWeb(answer) as ReadableStream<Uint8Array>
    return new Response(body, { status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string> })
  }
  return asked as typeof fetch
}
