/** From a stored credential to what git needs, and to the host's own API (GT34). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId } from '@meshbook/core/ids.ts'
import type { Outgoing } from '../outgoing/guarded-request.ts'
import type { GitAuth } from './git-auth.ts'
import {
  authOfToken,
  type CredentialFor,
  type GitCredential,
  type HostKind,
  hostKind,
  readCredential,
} from './git-credential.ts'
import type { GitHost, HostPorts } from './git-host.ts'
import { GithubAppTokens } from './github-app.ts'
import { GithubHost } from './github-host.ts'
import { GitlabHost } from './gitlab-host.ts'
import { parseRemote, type Remote, type RemoteRules } from './remote.ts'

export interface GitHostsPorts {
  credentialFor: CredentialFor
  send: Outgoing
  /** Hosts of which the owner of the hub said what they are. */
  named: ReadonlyMap<string, HostKind>
  rules: RemoteRules
  now: Now
}

interface Met {
  remote: Remote
  kind: HostKind
  credential: GitCredential | undefined
  host: HostPorts
}

export class GitHosts {
  readonly #ports: GitHostsPorts
  readonly #apps: GithubAppTokens

  constructor(ports: GitHostsPorts) {
    this.#ports = ports
    this.#apps = new GithubAppTokens(ports.now)
  }

  /** What git gets; of an app, a token that is made for it. */
  async authFor(org: OrgId, repo: string, signal?: AbortSignal): Promise<GitAuth | undefined> {
    const met = await this.#meet(org, repo)
    const { kind, credential } = met
    if (!credential || credential.kind === 'basic' || credential.kind === 'ssh') return credential
    return authOfToken(kind, await this.#tokenOf(met, credential, signal))
  }

  /** Undefined where the host has no pull requests that are known here, or no credential for them. */
  async hostFor(org: OrgId, repo: string, signal?: AbortSignal): Promise<(GitHost & { path: string }) | undefined> {
    const met = await this.#meet(org, repo)
    const { kind, credential, host, remote } = met
    if (kind === 'plain' || !credential || credential.kind === 'ssh' || remote.transport === 'file') return undefined
    const token = credential.kind === 'basic' ? credential.password : await this.#tokenOf(met, credential, signal)
    const made = kind === 'github' ? new GithubHost(host, token) : new GitlabHost(host, token)
    return { path: remote.path, pullRequest: (order, stop) => made.pullRequest(order, stop) }
  }

  async #tokenOf(
    { host, remote, kind }: Met,
    credential: Extract<GitCredential, { kind: 'token' | 'app' }>,
    signal?: AbortSignal,
  ): Promise<string> {
    if (credential.kind === 'token') return credential.token
    if (kind !== 'github') throw new MeshError('REPO_DENIED', { detail: `${remote.host} is no GitHub, which has apps` })
    return this.#apps.tokenFor(host, credential, remote.path, signal)
  }

  async #meet(org: OrgId, repo: string): Promise<Met> {
    const { credentialFor, named, send, rules } = this.#ports
    const remote = parseRemote(repo)
    const stored = remote.transport === 'file' ? undefined : await credentialFor(org, repo)
    const kind = hostKind(remote, named, stored)
    const allows = rules.inside ? (['public', 'private'] as const) : (['public'] as const)
    const credential = stored && readCredential(stored)
    return { remote, kind, credential, host: { api: apiOf(remote, kind), send, allows } }
  }
}

/** A repository that is reached by ssh has its API at the same name. */
function apiOf({ transport, host, name }: Remote, kind: HostKind): string {
  if (name === 'github.com') return 'https://api.github.com'
  const origin = transport === 'http' ? `http://${host}` : `https://${transport === 'ssh' ? name : host}`
  return kind === 'github' ? `${origin}/api/v3` : `${origin}/api/v4`
}
