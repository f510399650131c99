/** A step that sends a request. Its secrets are looked up here, as late as can be, and nothing that is stored has them. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SecretText } from '@meshbook/core/workflow/template.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { asStepFailure, type Executed, type Execution, StepFailure } from '@meshbook/engine/workflow/ports.ts'
import type { AddressKind } from '../outgoing/address-kind.ts'
import { type OutgoingAnswer, outgoing, systemResolve } from '../outgoing/guarded-request.ts'
import type { Secret } from '../vault/secret.ts'

export interface HttpInput {
  url: string
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  headers?: Record<string, SecretText>
  body?: Json
  accept?: number[]
}

/** `to`: the host that the request goes to, for secrets that go to one alone. */
export type SecretNamed = (name: string, to: string) => Secret | Promise<Secret>

/** One answer more than this is too large. */
const answerBytes = limits.workflowValueBytes / 2

export async function sendRequest(
  { input, key, signal }: Execution,
  secretNamed: SecretNamed,
  allowsPrivate: boolean,
): Promise<Executed> {
  const { url, method = 'GET', headers = {}, body, accept } = input as unknown as HttpInput
  const send = outgoing({
    resolve: systemResolve,
    times: { outgoingMs: limits.workflowRequestMs, outgoingAnswerBytes: answerBytes },
  })
  const allows: AddressKind[] = allowsPrivate ? ['public', 'private'] : ['public']
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const typed = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }
  const once = method === 'GET' || method === 'HEAD' ? {} : { 'idempotency-key': key }
  const given: Record<string, string> = {}
  const used: Secret[] = []
  for (const [name, parts] of Object.entries(headers))
    given[name.toLowerCase()] = await headerOf(name, parts, async wanted => {
      const secret = await secretNamed(wanted, hostOf(url))
      used.push(secret)
      return secret.reveal()
    })
  try {
    const all = { 'user-agent': 'meshbook-workflow', ...typed, ...once, ...given }
    const answer = await send({ url, method, headers: all, allows, ...(text !== undefined && { body: text }) }, signal)
    return resultOf({ ...answer, text: blanked(answer.text, used) }, accept)
  } catch (thrown) {
    throw failureOf(thrown, allowsPrivate)
  }
}

/** Of an address that is none nothing is sent. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : ''
}

/** A server that repeats what it was sent does not make a secret part of the log. */
function blanked(text: string, used: readonly Secret[]): string {
  return used.reduce((rest, secret) => secret.blankedIn(rest), text)
}

async function headerOf(name: string, parts: SecretText, revealed: (name: string) => Promise<string>): Promise<string> {
  let value = ''
  for (const part of parts) value += 'text' in part ? part.text : await revealed(part.secret)
  // The value may be a secret: it is not shown.
  if (/[^\t\x20-\x7e]/.test(value))
    throw new StepFailure('BAD_REQUEST', `the header ${name} has characters that no header may have`, {
      known: true,
      mayRetry: false,
    })
  return value
}

function resultOf(answer: OutgoingAnswer, accept: readonly number[] | undefined): Executed {
  const { status, headers, text } = answer
  const isWell = accept ? accept.includes(status) : status >= 200 && status < 300
  if (!isWell) throw refused(status, headers)
  if (Buffer.byteLength(text) >= answerBytes)
    throw new StepFailure('TOO_LARGE', `the answer has more than ${answerBytes / 1024 / 1024} MiB`, {
      known: true,
      mayRetry: false,
    })
  const type = String(headers['content-type'] ?? '')
  return { output: { status, type, body: /\bjson\b/.test(type) ? parsed(text) : text } }
}

function refused(status: number, headers: OutgoingAnswer['headers']): StepFailure {
  const isFull = status === 429 || status === 503 || status === 408
  const seconds = Number(headers['retry-after'])
  const retryAfterMs = seconds > 0 ? seconds * 1_000 : 0
  const where = status >= 300 && status < 400 ? '; redirects are not followed, name the address itself' : ''
  const detail = `the answer has the status ${status}${where}`
  // A server that broke may have done it.
  return new StepFailure('BAD_REQUEST', detail, {
    known: status < 500 || isFull,
    mayRetry: isFull || status >= 500,
    retryAfterMs,
  })
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return text
    throw thrown
  }
}

function failureOf(thrown: unknown, allowsPrivate: boolean): StepFailure {
  if (thrown instanceof MeshError && thrown.code === 'OUTGOING_REFUSED') {
    const todo = allowsPrivate ? '' : '; --allow-private lets workflows reach this machine and its network'
    return new StepFailure('OUTGOING_REFUSED', `${thrown.detail}${todo}`, {
      known: true,
      mayRetry: false,
      cause: thrown,
    })
  }
  return asStepFailure(thrown)
}
