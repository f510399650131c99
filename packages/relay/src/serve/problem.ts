/** Every failure as `application/problem+json` (RFC 9457), made in one place. */
import { asMeshError, problemOf } from '@meshbook/core/errors.ts'

export function problemResponse(thrown: unknown, requestId: string): Response {
  const problem = problemOf(asMeshError(thrown), requestId)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
