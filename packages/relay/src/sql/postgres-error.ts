/** What PostgreSQL and the network report, in the words of the error catalogue. */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'

interface ServerError extends Error {
  code?: string
}

/** What an operator did to the server's data; it has the class that the server has for such things. */
export class OperatorError extends Error {
  readonly code = '57P05'
}

/** Classes (two characters) and single codes of SQLSTATE after which the server is not trusted before a probe. */
const brokenStates: Record<string, ErrorCode> = {
  '53100': 'DISK_FULL',
  '08': 'STORAGE_FAILED',
  '53': 'STORAGE_FAILED',
  '57P': 'STORAGE_FAILED',
  '58': 'STORAGE_FAILED',
  XX: 'STORAGE_FAILED',
  /** A standby: the primary is elsewhere now. */
  '25006': 'STORAGE_FAILED',
  '28': 'STORAGE_FAILED',
  '3D': 'STORAGE_FAILED',
}
/** Of the call alone: the server is well. */
const callStates: Record<string, ErrorCode> = {
  '23505': 'CONFLICT',
  '22021': 'BAD_REQUEST',
  '22P05': 'BAD_REQUEST',
  '55P03': 'TIMEOUT',
  '57014': 'TIMEOUT',
}
const networkCodes = /^(?:ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT|EACCES)$/
/** The driver has no codes for these. */
const networkWords = /connection terminated|timeout|timed out|client was closed|not queryable|ended unexpectedly/i

const stateOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error ? (thrown as ServerError).code : undefined

function found(table: Record<string, ErrorCode>, state: string): ErrorCode | undefined {
  return table[state] ?? table[state.slice(0, 3)] ?? table[state.slice(0, 2)]
}

const isServers = (state: string | undefined): state is string => state !== undefined && /^[0-9A-Z]{5}$/.test(state)

/** The server took the whole transaction back by itself, and the same once more may well succeed. */
export function isRolledBack(thrown: unknown): boolean {
  const state = stateOf(thrown)
  return state === '40001' || state === '40P01'
}

/** The connection cannot be used again. */
export function isLost(thrown: unknown): boolean {
  if (thrown instanceof MeshError || !(thrown instanceof Error)) return false
  const state = stateOf(thrown)
  if (isServers(state)) return /^(?:08|57P0)/.test(state)
  return state === undefined ? networkWords.test(thrown.message) : networkCodes.test(state)
}

/** A query tried to write: the procedure's fault, where for a call it is the server's. */
export function isReadOnly(thrown: unknown): boolean {
  return stateOf(thrown) === '25006'
}

/** The error if it means that the server, its disk or the way to it failed; otherwise undefined. */
export function serverErrorOf(thrown: unknown): MeshError | undefined {
  if (thrown instanceof MeshError || !(thrown instanceof Error)) return undefined
  const state = stateOf(thrown)
  const code = isServers(state) && !callStates[state] ? found(brokenStates, state) : undefined
  if (!code && !isLost(thrown)) return undefined
  return new MeshError(code ?? 'STORAGE_FAILED', { detail: `PostgreSQL: ${thrown.message}`, cause: thrown })
}

/** An error of one call, as its caller gets it. */
export function callErrorOf(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown
  const code = callStates[stateOf(thrown) ?? '']
  if (code) return new MeshError(code, { detail: `PostgreSQL: ${(thrown as Error).message}`, cause: thrown })
  return new MeshError('INTERNAL', { cause: thrown })
}
