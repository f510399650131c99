/** Reads a request's body under a cap and checks it against a schema. JSON only: a form cannot be posted to the API (S6). */

import { MeshError } from '@meshbook/core/errors.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import * as v from 'valibot'

export async function readJson<S extends v.GenericSchema>(
  request: Request,
  schema: S,
  capBytes: number,
): Promise<v.InferOutput<S>> {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new MeshError('BAD_REQUEST', { detail: 'the body must be application/json' })
  return checked(schema, parse(await readText(request, capBytes)), 'body')
}

/** A form, as OAuth has it. */
export async function readForm(request: Request, capBytes: number): Promise<URLSearchParams> {
  const text = await readText(request, capBytes)
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') return new URLSearchParams(text)
  throw new MeshError('BAD_REQUEST', { detail: 'the body must be application/x-www-form-urlencoded' })
}

/** Text of a document, as it is: no page of elsewhere can send this type without being asked first (S6). */
export async function readMarkdown(request: Request, capBytes: number): Promise<string> {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'text/markdown') throw new MeshError('BAD_REQUEST', { detail: 'the body must be text/markdown' })
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readBytes(request, capBytes))
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new MeshError('BAD_REQUEST', { detail: 'the body is not UTF-8', cause })
  }
}

export function checked<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw new MeshError('BAD_REQUEST', { detail: `${what}: ${explainIssues(result.issues)}` })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MeshError('BAD_REQUEST', { detail: 'the body is not JSON', cause })
  }
}

async function readText(request: Request, capBytes: number): Promise<string> {
  return (await readBytes(request, capBytes)).toString('utf8')
}

export async function readBytes(request: Request, capBytes: number): Promise<Buffer> {
  if (Number(request.headers.get('content-length') ?? 0) > capBytes) throw tooLarge(capBytes)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > capBytes) throw tooLarge(capBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Bytes that a handler reads by itself; no form can send this type (S6). */
export function mustBeBytes(request: Request): undefined {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/octet-stream')
    throw new MeshError('BAD_REQUEST', { detail: 'the body must be application/octet-stream' })
  return undefined
}

function tooLarge(capBytes: number): MeshError {
  return new MeshError('TOO_LARGE', { detail: `the body may have ${capBytes} bytes` })
}

/** A form can be posted from any page, JSON cannot (S6); bytes go by PUT, which no form can do. */
export function refuseForm(request: Request): undefined {
  const type = request.headers.get('content-type')
  if (request.method === 'GET' || request.method === 'HEAD' || request.method === 'PUT' || type === null)
    return undefined
  if (!/^application\/json\b/i.test(type))
    throw new MeshError('BAD_REQUEST', { detail: 'the body must be application/json' })
  return undefined
}
