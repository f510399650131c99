/** Who may make an account without an invitation: pure. Looks at verified e-mail addresses only (AU2, AU3). */
import { MeshError } from '@meshbook/core/errors.ts'

export type SignUpPolicy =
  | { kind: 'closed' }
  | { kind: 'open' }
  /** Domains (`@example.com`) and addresses, in lower case. */
  | { kind: 'some'; entries: ReadonlySet<string> }

const domain = /^@?([a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$/
const address = /^[^\s@,]+@([a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$/

export function parseSignUp(text = 'closed'): SignUpPolicy {
  const lower = text.toLowerCase()
  if (lower === 'closed' || lower === 'open') return { kind: lower }
  const entries = lower.split(',').map(part => part.trim())
  if (!entries.every(entry => domain.test(entry) || address.test(entry)))
    throw new MeshError('BAD_CONFIG', {
      detail:
        'MESHBOOK_SIGN_UP: expected closed, open, or domains and e-mail addresses such as example.com,me@home.example',
    })
  return { kind: 'some', entries: new Set(entries.map(entry => (address.test(entry) ? entry : withAt(entry)))) }
}

const withAt = (entry: string): string => (entry.startsWith('@') ? entry : `@${entry}`)

/** Why somebody with this verified address (null: none) may not make an account; null when they may. */
export function signUpRefusal(
  policy: SignUpPolicy,
  email: string | null,
): 'SIGN_UP_CLOSED' | 'EMAIL_NOT_VERIFIED' | null {
  if (policy.kind === 'closed') return 'SIGN_UP_CLOSED'
  if (email === null) return 'EMAIL_NOT_VERIFIED'
  if (policy.kind === 'open') return null
  const lower = email.toLowerCase()
  const at = lower.slice(lower.lastIndexOf('@'))
  return policy.entries.has(lower) || policy.entries.has(at) ? null : 'SIGN_UP_CLOSED'
}
