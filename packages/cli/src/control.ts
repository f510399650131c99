/**
 * The control socket of a running daemon: how other `meshbook` commands on this machine find it and ask it to attach a
 * folder. Loopback HTTP; the port and a token made anew at each start stand in a file that only the user can read.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hereSchema, projectsPolicySchema } from '@meshbook/core/api.ts'
import { restoringCopiesSchema, restoringRecipientSchema } from '@meshbook/core/compute-api.ts'
import { asMeshError, type ErrorCode, isErrorCode, MeshError, problemOf } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { snapshotsHereSchema } from '@meshbook/core/snapshots-here.ts'
import * as v from 'valibot'

export const attachmentSchema = v.object({
  project: v.string(),
  name: v.string(),
  owner: v.string(),
  folder: v.string(),
})
export type Attachment = v.InferOutput<typeof attachmentSchema>

export const trashEntrySchema = v.object({
  name: v.string(),
  project: v.string(),
  path: v.string(),
  deletedAt: v.number(),
  bytes: v.number(),
})
export type TrashEntry = v.InferOutput<typeof trashEntrySchema>

export const fetchStateSchema = v.object({
  project: v.string(),
  path: v.string(),
  files: v.number(),
  here: v.number(),
  bytes: v.number(),
  received: v.number(),
  /** Files that come no further for now, and why the first does not. */
  stuck: v.number(),
  reason: v.optional(
    v.object({ path: v.string(), code: v.custom<ErrorCode>(isErrorCode), detail: v.optional(v.string()) }),
  ),
})
export type FetchState = v.InferOutput<typeof fetchStateSchema>

/** What a daemon answers; the shapes of requests and answers by path. */
const calls = {
  '/status': {
    body: v.object({}),
    answer: v.object({
      hub: v.nullable(v.string()),
      linked: v.boolean(),
      device: v.string(),
      pid: v.number(),
      /** Where the private keys are, as a sentence. */
      keys: v.string(),
      problems: v.array(v.string()),
    }),
  },
  '/token': { body: v.object({}), answer: v.object({ hub: v.string(), token: v.string() }) },
  /** Of the own web app, for programs of this machine (LO12). */
  '/local': { body: v.object({}), answer: v.object({ url: v.string(), token: v.string() }) },
  /** Which projects have a folder here. */
  '/folders': { body: v.object({}), answer: hereSchema },
  '/policy': { body: v.object({ policy: projectsPolicySchema }), answer: hereSchema },
  '/link': { body: v.object({ to: v.optional(v.string()) }), answer: v.object({ link: v.string() }) },
  /** Without a folder: one named after the project, which is there already. */
  '/attach': { body: v.object({ folder: v.optional(v.string()), project: v.string() }), answer: attachmentSchema },
  '/detach': { body: v.object({ folder: v.string() }), answer: attachmentSchema },
  '/attachments': { body: v.object({}), answer: v.object({ items: v.array(attachmentSchema) }) },
  /** `isNew`: asks for the files at or below an absolute path; else only tells how far they are. */
  '/fetch': { body: v.object({ path: v.string(), isNew: v.boolean() }), answer: fetchStateSchema },
  '/trash': {
    body: v.object({ project: v.optional(v.string()) }),
    answer: v.object({ items: v.array(trashEntrySchema) }),
  },
  /** Copies of the owner's data key for a hub that may restore sessions, of every version that is here. */
  '/owner-key': { body: restoringRecipientSchema, answer: restoringCopiesSchema },
  /** Whether sessions can be saved here, and how it stands with each. */
  '/snapshots': { body: v.object({}), answer: snapshotsHereSchema },
  '/trash/restore': { body: v.object({ name: v.string() }), answer: trashEntrySchema },
} as const
export type ControlPath = keyof typeof calls
type Body<P extends ControlPath> = v.InferOutput<(typeof calls)[P]['body']>
type Answer<P extends ControlPath> = v.InferOutput<(typeof calls)[P]['answer']>
export type ControlHandlers = { [P in ControlPath]: (body: Body<P>) => Promise<Answer<P>> }

const addressSchema = v.object({ port: v.number(), token: v.string() })

export async function serveControl(file: string, handlers: ControlHandlers): Promise<{ close(): Promise<void> }> {
  const token = randomBytes(32).toString('base64url')
  const server = createServer((request, response) => void answer(request, response, token, handlers))
  server.requestTimeout = limits.requestMs
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await writeFile(`${file}.new`, JSON.stringify({ port, token }), { mode: 0o600 })
  await rename(`${file}.new`, file)
  return {
    async close() {
      await rm(file, { force: true })
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
  handlers: ControlHandlers,
): Promise<void> {
  try {
    if (!sameSecret(request.headers.authorization ?? '', `Bearer ${token}`)) throw new MeshError('UNAUTHENTICATED')
    const path = request.url ?? ''
    if (!Object.hasOwn(calls, path)) throw new MeshError('NOT_FOUND', { detail: path })
    reply(response, 200, await dispatch(path as ControlPath, await readBody(request), handlers))
  } catch (thrown) {
    const error = asMeshError(thrown)
    const problem = problemOf(error, '')
    const cause =
      error.code === 'INTERNAL' ? String((error.cause as Error | undefined)?.message ?? error.cause) : undefined
    reply(response, problem.status, cause ? { ...problem, detail: cause } : problem)
  }
}

async function dispatch<P extends ControlPath>(path: P, body: unknown, handlers: ControlHandlers): Promise<Answer<P>> {
  const parsed = v.safeParse(calls[path].body, body)
  if (!parsed.success) throw new MeshError('BAD_REQUEST', { detail: path })
  return handlers[path](parsed.output as Body<P>)
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > limits.requestBodyBytes) throw new MeshError('TOO_LARGE')
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}')
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function sameSecret(given: string, wanted: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(wanted)
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Asks the daemon of this data folder; UNREACHABLE when none runs. `timeoutMs` covers the whole exchange. */
export async function control<P extends ControlPath>(
  file: string,
  path: P,
  body: Body<P>,
  timeoutMs: number = limits.requestMs,
): Promise<Answer<P>> {
  const { port, token } = await readAddress(file)
  const response = await ask(port, token, path, body, timeoutMs)
  const json: unknown = await response.json()
  if (response.ok) return v.parse(calls[path].answer as v.GenericSchema<unknown, Answer<P>>, json)
  const problem = json as { code?: unknown; detail?: string }
  throw new MeshError(isErrorCode(problem.code) ? problem.code : 'INTERNAL', { detail: problem.detail ?? '' })
}

async function readAddress(file: string): Promise<v.InferOutput<typeof addressSchema>> {
  try {
    return v.parse(addressSchema, JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    throw new MeshError('UNREACHABLE', { detail: 'no Meshbook runs on this machine with this data folder', cause })
  }
}

async function ask(port: number, token: string, path: string, body: unknown, timeoutMs: number): Promise<Response> {
  try {
    return await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (cause) {
    throw new MeshError('UNREACHABLE', { detail: 'the Meshbook of this data folder does not answer', cause })
  }
}
