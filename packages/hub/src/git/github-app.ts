/** Tokens of a GitHub App (GT34): made for one repository, kept in memory until shortly before they end. */
import { createSign } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import { answerOf, askHost, type HostPorts, hostFailure } from './git-host.ts'
import { githubHeaders, repos } from './github-host.ts'

const installationSchema = v.object({ id: v.pipe(v.number(), v.safeInteger()) })
const tokenSchema = v.object({
  token: v.pipe(v.string(), v.minLength(1)),
  expires_at: v.pipe(v.string(), v.isoTimestamp()),
})

const spareMs = 5 * 60_000
const mostKept = 1_000

export class GithubAppTokens {
  readonly #now: Now
  readonly #kept = new Map<string, { token: string; until: number }>()

  constructor(now: Now) {
    this.#now = now
  }

  async tokenFor(
    ports: HostPorts,
    { app, key }: { app: string; key: string },
    path: string,
    signal?: AbortSignal,
  ): Promise<string> {
    const name = `${ports.api} ${app} ${path}`
    const kept = this.#kept.get(name)
    if (kept && kept.until - spareMs > this.#now()) return kept.token
    const jwt = appJwt(app, key, Math.floor(this.#now() / 1_000))
    const found = await askHost(
      ports,
      { method: 'GET', path: `${repos(path)}/installation` },
      githubHeaders(jwt),
      signal,
    )
    if (found.status !== 200) throw hostFailure('the GitHub App is not installed at this repository', found, [jwt])
    const { id } = answerOf(installationSchema, found)
    const made = await askHost(
      ports,
      {
        method: 'POST',
        path: `/app/installations/${id}/access_tokens`,
        body: { repositories: [path.split('/')[1]], permissions: { contents: 'write', pull_requests: 'write' } },
      },
      githubHeaders(jwt),
      signal,
    )
    if (made.status !== 201) throw hostFailure('the GitHub App got no token', made, [jwt])
    const { token, expires_at: end } = answerOf(tokenSchema, made)
    if (this.#kept.size >= mostKept) this.#kept.clear()
    this.#kept.set(name, { token, until: Date.parse(end) })
    return token
  }
}

/** Good for nine minutes, and from a minute ago: clocks differ. */
export function appJwt(app: string, key: string, seconds: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: seconds - 60, exp: seconds + 540, iss: app })}`
  try {
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`
  } catch (cause) {
    // The cause of a key that is none may hold parts of it.
    throw new MeshError('REPO_DENIED', {
      detail: `the private key of the GitHub App cannot be used (${(cause as NodeJS.ErrnoException).code ?? 'unreadable'})`,
    })
  }
}
