/** A request that a provider refuses: its status and the body that it would send. */
import type * as v from 'valibot'

export class Refused extends Error {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Record<string, string>

  constructor(status: number, body: Record<string, unknown>, headers: Record<string, string> = {}) {
    super(JSON.stringify(body))
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** Where a schema was not met: the deepest complaint of the first issue, and of which kind it is. */
export interface Complaint {
  path: (string | number)[]
  kind: 'missing' | 'unknown' | 'wrong'
  expected: string
}

export function complaintOf(issues: readonly v.BaseIssue<unknown>[]): Complaint {
  const all = issues.flatMap(issue => [issue, ...deeper(issue)])
  const issue = all.reduce((best, next) => ((next.path?.length ?? 0) > (best.path?.length ?? 0) ? next : best))
  const path = (issue.path ?? []).map(item => item.key as string | number)
  const kind = issue.expected === 'never' ? 'unknown' : issue.received === 'undefined' ? 'missing' : 'wrong'
  return { path, kind, expected: issue.expected ?? 'another value' }
}

function deeper(issue: v.BaseIssue<unknown>): v.BaseIssue<unknown>[] {
  return (issue.issues ?? []).flatMap(inner => [inner, ...deeper(inner)])
}
