/** A credential of the vault, read for what it is good for (GT34). Pure. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import type { GitAuth } from './git-auth.ts'
import type { Remote } from './remote.ts'

/** As it was stored. */
export interface StoredCredential {
  kind: 'git' | 'github-app' | 'gitlab'
  value: string
}

/** The one that is for the host of a repository; undefined where there is none. */
export type CredentialFor = (org: OrgId, repo: string) => Promise<StoredCredential | undefined>

export type GitCredential = GitAuth | { kind: 'token'; token: string } | { kind: 'app'; app: string; key: string }

/** `key` is the private key that GitHub gave, PEM. */
const appSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    app: v.pipe(v.union([v.string(), v.number()]), v.transform(String), v.regex(/^[A-Za-z0-9._-]{1,100}$/)),
    key: v.pipe(v.string(), v.includes('PRIVATE KEY-----'), v.maxLength(20_000)),
  }),
)

/** The message never repeats the value. */
export function readCredential({ kind, value }: StoredCredential): GitCredential {
  if (kind === 'github-app') {
    const read = v.safeParse(appSchema, value)
    if (read.success) return { kind: 'app', ...read.output }
    throw new MeshError('REPO_DENIED', {
      detail: 'the key of a GitHub App is JSON with `app` (its id) and `key` (PEM)',
    })
  }
  const text = value.trim()
  if (kind === 'gitlab') return { kind: 'token', token: oneWord(text) }
  if (/^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return { kind: 'ssh', key: text }
  const at = text.indexOf(':')
  if (at < 0) return { kind: 'token', token: oneWord(text) }
  return { kind: 'basic', username: text.slice(0, at), password: text.slice(at + 1) }
}

function oneWord(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new MeshError('REPO_DENIED', { detail: 'the stored token has characters that no token has' })
}

export type HostKind = 'github' | 'gitlab' | 'plain'

/** What kind of host a repository is at; `named` are those that the owner of the hub named. */
export function hostKind(
  { host, name }: Remote,
  named: ReadonlyMap<string, HostKind>,
  stored: StoredCredential | undefined,
): HostKind {
  const known = named.get(host)
  if (known) return known
  if (name === 'github.com' || stored?.kind === 'github-app') return 'github'
  return name === 'gitlab.com' || stored?.kind === 'gitlab' ? 'gitlab' : 'plain'
}

/** As the host takes a token for git: GitHub under any name, GitLab under this one. */
export function authOfToken(kind: HostKind, token: string): GitAuth {
  return { kind: 'basic', username: kind === 'gitlab' ? 'oauth2' : 'x-access-token', password: token }
}
