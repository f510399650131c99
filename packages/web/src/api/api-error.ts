/** What a request of a page failed with, for whoever shows it. Knows no route and no schema. */
import { type ErrorCode, errors } from '@meshbook/core/errors.ts'

/** What went wrong and what the user can do about it. */
export class ApiError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly hint: string

  constructor(code: ErrorCode, detail?: string, hint?: string, message: string = errors[code].message) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.detail = detail && detail !== this.message ? detail : ''
    this.hint = hint ?? errors[code].hint
  }
}

export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  return new ApiError('INTERNAL', thrown instanceof Error ? thrown.message : String(thrown))
}
