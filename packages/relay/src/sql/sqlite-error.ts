/** What SQLite and the file system report, in the words of the error catalogue. */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'

const primaryCodes: Record<number, ErrorCode> = {
  5: 'STORAGE_FAILED',
  6: 'STORAGE_FAILED',
  8: 'STORAGE_FAILED',
  10: 'STORAGE_FAILED',
  11: 'STORAGE_FAILED',
  13: 'DISK_FULL',
  14: 'STORAGE_FAILED',
  26: 'STORAGE_FAILED',
}
const fileCodes: Record<string, ErrorCode> = {
  EACCES: 'READ_ONLY_FOLDER',
  EPERM: 'READ_ONLY_FOLDER',
  EROFS: 'READ_ONLY_FOLDER',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EIO: 'STORAGE_FAILED',
}
const busy = 5

interface SqliteError extends Error {
  errcode?: number
  code?: string
}

export function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && ((thrown as SqliteError).errcode ?? 0) % 256 === busy
}

/** The error if it means that the disk or the file failed, not the procedure; otherwise undefined. */
export function storageErrorOf(thrown: unknown, what: string): MeshError | undefined {
  if (thrown instanceof MeshError || !(thrown instanceof Error)) return undefined
  const { errcode, code } = thrown as SqliteError
  const found = errcode === undefined ? code && fileCodes[code] : primaryCodes[errcode % 256]
  return found ? new MeshError(found, { detail: `${what}: ${thrown.message}`, cause: thrown }) : undefined
}

/** An error as it crosses the thread: the catalogue's code and detail, and the stack of what was not from the catalogue. */
export interface ThreadError {
  code: ErrorCode
  detail?: string
  stack?: string
}

export function toThreadError(thrown: unknown): ThreadError {
  if (thrown instanceof MeshError)
    return thrown.detail === undefined ? { code: thrown.code } : { code: thrown.code, detail: thrown.detail }
  return { code: 'INTERNAL', stack: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) }
}

export function fromThreadError({ code, detail, stack }: ThreadError): MeshError {
  return new MeshError(code, {
    ...(detail === undefined ? {} : { detail }),
    ...(stack === undefined ? {} : { cause: new Error(stack) }),
  })
}
