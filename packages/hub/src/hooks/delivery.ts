/** What came to the address of a hook, of a task or of a workflow: by what it is known again, and what it says. Pure. */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { base32, parseRunId, type RunId } from '@meshbook/core/ids.ts'

export interface DeliveryNumbers {
  /** As the sender numbers it; no signature is over this. */
  delivery: string
  digest: string
}

export const tooOld = 'it is older than what is kept of deliveries, so that it may be a replay'

const numberHeaders = ['x-meshbook-delivery', 'x-github-delivery', 'x-gitlab-event-uuid', 'idempotency-key']

export function numbersOf(headers: Headers, digest: string): DeliveryNumbers {
  const said = numberHeaders.map(name => headers.get(name)).find(value => value !== null && value !== '')
  return { delivery: said?.slice(0, 200) ?? digest, digest }
}

/** The same bytes are the same run, whoever sends them again. */
export function runOfDelivery(hook: string, digest: string): RunId {
  const bytes = createHash('sha256').update(`${hook} ${digest}`).digest()
  return parseRunId(`hook-${base32(bytes).slice(0, 26)}`)
}

export function jsonBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (cause) {
    throw new MeshError('BAD_REQUEST', { detail: 'the body is not JSON', cause })
  }
}
