/**
 * The socket on which workers reach the hub (CP31): a file in a folder that is mounted into their containers. Everything
 * that is not for workers is 404 here, whatever it shows; what is for them goes through the same checks as everywhere.
 */
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { joinWorkerSchema } from '@meshbook/core/compute-api.ts'
import { readChannelProof } from '@meshbook/core/device-auth.ts'
import { asMeshError, MeshError, problemOf } from '@meshbook/core/errors.ts'
import type { DeviceId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { stopListening } from '@meshbook/relay/serve/listen.ts'
import { refuseUpgrade } from '@meshbook/relay/serve/upgrades.ts'
import * as v from 'valibot'
import type { Workers } from './workers.ts'

export interface WorkersDoorPorts {
  /** Holds the socket and nothing else. */
  folder: string
  workers: Pick<Workers, 'join'>
  /** The kind of a device that is known; what a request shows is checked by who answers it. */
  kindOf(device: DeviceId): DeviceInfo['kind'] | undefined
  /** The hub's own. */
  request: RequestListener
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export const workerSocket = 'hub.sock'
/** The longest path of a unix socket, without its end. */
const pathBytes = 107
const joinPath = '/api/v1/workers/self'
/** Not the list of all that is saved. */
const forWorkers = /^(?:\w+ \/api\/v1\/(?:assets|snapshots)\/.|POST \/api\/v1\/snapshots$)/
const bodyBytes = 4 * 1024

/** Listens until the returned function is called. */
export async function openWorkersDoor(ports: WorkersDoorPorts): Promise<() => Promise<void>> {
  const path = join(ports.folder, workerSocket)
  if (Buffer.byteLength(path) > pathBytes)
    throw new MeshError('BAD_CONFIG', { detail: `${path} is too long for a socket; choose a shorter data folder` })
  // The folder above is the hub's alone; in the container another user opens the socket.
  await mkdir(ports.folder, { recursive: true })
  await chmod(ports.folder, 0o755)
  await rm(path, { force: true })
  const server = createServer((request, response) => {
    if (request.method === 'POST' && request.url === joinPath) void admit(ports, request, response)
    else if (forWorkers.test(`${request.method} ${pathOf(request)}`) && isWorker(ports, request))
      ports.request(request, response)
    else answer(response, new MeshError('NOT_FOUND'))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (request.url === '/channel' && isWorker(ports, request)) ports.upgrade(request, socket, head)
    else refuseUpgrade(socket, new MeshError('UNAUTHENTICATED'))
  })
  server.requestTimeout = limits.requestMs
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(new MeshError('BAD_CONFIG', { detail: `the socket for workers at ${path}: ${cause.message}`, cause })),
    )
    server.listen(path, resolve)
  })
  await chmod(path, 0o666)
  return () => stopListening(server)
}

/** As whoever answers will read it: `..` leads out of what is for workers. */
function pathOf({ url = '' }: IncomingMessage): string {
  return URL.parse(url, 'http://hub')?.pathname ?? ''
}

function isWorker({ kindOf }: WorkersDoorPorts, { headers }: IncomingMessage): boolean {
  const proof = readChannelProof(headers.authorization)
  return proof !== undefined && kindOf(proof.device) === 'worker'
}

type Response = Parameters<RequestListener>[1]

async function admit({ workers }: WorkersDoorPorts, request: IncomingMessage, response: Response): Promise<void> {
  try {
    const { token, publicKey } = await bodyOf(request)
    answer(response, await workers.join(token, publicKey))
  } catch (thrown) {
    answer(response, asMeshError(thrown))
  }
}

async function bodyOf(request: IncomingMessage): Promise<v.InferOutput<typeof joinWorkerSchema>> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > bodyBytes) throw new MeshError('TOO_LARGE')
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), joinWorkerSchema), text)
  if (parsed.success) return parsed.output
  throw new MeshError('BAD_REQUEST', { detail: 'what a worker joins with' })
}

function answer(response: Response, value: object): void {
  const problem = value instanceof MeshError ? problemOf(value, '') : undefined
  const type = problem ? 'application/problem+json' : 'application/json'
  response.writeHead(problem?.status ?? 200, { 'content-type': type }).end(JSON.stringify(problem ?? value))
}
