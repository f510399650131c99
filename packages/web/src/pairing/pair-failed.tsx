/** What a pairing that failed says: why, and what to do. */
import type { ApiError } from '../api/api-error.ts'
import { Hint } from '../shell/hint.tsx'

export function PairFailed({ error }: { error: ApiError | string }) {
  return (
    <>
      <h1>Not paired</h1>
      <p role="alert">
        <Hint text={typeof error === 'string' ? error : wordsOf(error)} />
      </p>
      <p>
        <a href={location.pathname}>Enter another code</a>
      </p>
    </>
  )
}

function wordsOf({ message, detail, hint }: ApiError): string {
  return `${detail ? `${message}: ${detail}` : message}. ${hint}`
}
