/** The port to a host of repositories beyond git: pull requests. What is the same for each of them. */
import { MeshError } from '@meshbook/core/errors.ts'
import * as v from 'valibot'
import type { AddressKind } from '../outgoing/address-kind.ts'
import type { Outgoing, OutgoingAnswer, OutgoingRequest } from '../outgoing/guarded-request.ts'

export interface PullRequestOrder {
  /** Path of the repository at its host: `owner/name`, at GitLab with groups before. */
  path: string
  /** The whole name of the branch that was pushed. */
  branch: string
  /** Into which branch. */
  into: string
  title: string
  text: string
}

export interface PullRequest {
  url: string
  number: number
  /** `closed`, `merged`: somebody did that; it is left as it is (GT33). */
  state: 'made' | 'updated' | 'closed' | 'merged'
}

export interface GitHost {
  pullRequest(order: PullRequestOrder, signal?: AbortSignal): Promise<PullRequest>
}

export interface HostPorts {
  /** Without a slash at the end. */
  api: string
  send: Outgoing
  allows: readonly AddressKind[]
}

export type HostRequest = Pick<OutgoingRequest, 'method'> & { path: string; body?: unknown }

/** The answer as JSON where it has one of these statuses; else an error in the host's words (GT35). */
export async function askHost(
  { api, send, allows }: HostPorts,
  { method, path, body }: HostRequest,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<OutgoingAnswer> {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  return send(
    {
      url: `${api}${path}`,
      method,
      headers: { 'user-agent': 'Meshbook', ...headers, ...json },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      allows,
    },
    signal,
  )
}

export function answerOf<S extends v.GenericSchema>(schema: S, answer: OutgoingAnswer): v.InferOutput<S> {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), answer.text)
  if (read.success) return read.output
  throw new MeshError('UNREACHABLE', { detail: 'the git host answered with something else than it documents' })
}

const wordsSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    message: v.optional(v.unknown()),
    error: v.optional(v.unknown()),
    error_description: v.optional(v.string()),
    errors: v.optional(v.array(v.unknown())),
  }),
)

/** The host's own words, without what was sent to it. */
export function hostFailure(what: string, { status, text }: OutgoingAnswer, secrets: readonly string[]): MeshError {
  const read = v.safeParse(wordsSchema, text)
  const said = read.success ? wordsOf(read.output) : 'it said nothing that can be read'
  const clean = secrets.reduce((words, secret) => words.replaceAll(secret, '…'), said).slice(0, 300)
  const detail = `${what}: ${status}: ${clean}`
  if (status === 429 || status >= 500) return new MeshError('UNREACHABLE', { detail })
  return new MeshError('REPO_DENIED', { detail })
}

function wordsOf({
  message,
  error,
  error_description: description,
  errors = [],
}: v.InferOutput<typeof wordsSchema>): string {
  const more = errors.map(entry => (typeof entry === 'object' && entry && 'message' in entry ? entry.message : entry))
  return [message, error, description, ...more]
    .filter(part => part !== undefined)
    .map(part => (typeof part === 'string' ? part : JSON.stringify(part)))
    .join('; ')
}
