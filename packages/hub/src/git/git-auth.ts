/**
 * How git gets a credential (GT2): as a header that stands in the environment of one process and goes to one host, or by
 * an ssh agent that has the key in memory and ends with the process. Nothing of it is written anywhere.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import { type GitAnswer, type GitOrder, lastLine } from './git-program.ts'
import type { Remote, Way } from './remote.ts'

/** What git itself needs. */
export type GitAuth = { kind: 'basic'; username: string; password: string } | { kind: 'ssh'; key: string }
export type AuthFor = (org: OrgId, repo: string, signal?: AbortSignal) => Promise<GitAuth | undefined>

export type Authorized = Pick<GitOrder, 'config' | 'env' | 'transports'> & { secrets: readonly string[] }

const agentMs = 10_000

/** `use` may run git with what it gets, until it returns. */
export async function withAuth<T>(
  { remote, way, auth, knownHosts }: { remote: Remote; way: Way; auth: GitAuth | undefined; knownHosts: string },
  use: (authorized: Authorized) => Promise<T>,
): Promise<T> {
  const { transport } = remote
  const transports = [transport]
  if (transport === 'ssh') {
    if (auth?.kind !== 'ssh') return use({ transports, env: sshEnv(remote, way, knownHosts, 'none'), secrets: [] })
    const agent = await SshAgent.start(auth.key)
    try {
      const env = { ...sshEnv(remote, way, knownHosts, agent.socket), SSH_AUTH_SOCK: agent.socket }
      return await use({ transports, env, secrets: [] })
    } finally {
      await agent.close()
    }
  }
  if (transport === 'file' || auth?.kind !== 'basic') return use({ transports, config: way.config, secrets: [] })
  const header = basicOf(auth)
  const config = [
    ...way.config,
    [`http.${new URL(remote.url).origin}/.extraHeader`, `Authorization: ${header}`],
  ] as const
  return use({ transports, config, secrets: [auth.password, header.slice('Basic '.length)] })
}

export function basicOf({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** The host's key is believed the first time and noted; from then on another one is refused. */
function sshEnv({ name }: Remote, { address }: Way, knownHosts: string, agent: string): Record<string, string> {
  const options = [
    'BatchMode=yes',
    'ConnectTimeout=20',
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile="${knownHosts}"`,
    'IdentityFile=none',
    `IdentityAgent=${agent}`,
    'PreferredAuthentications=publickey',
    'ForwardAgent=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    `HostKeyAlias=${name}`,
    ...(address === null ? [] : [`Hostname=${address}`]),
  ]
  const command = ['ssh', '-F', 'none', ...options.flatMap(option => ['-o', option])]
  return {
    GIT_SSH_COMMAND: command.map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' '),
    GIT_SSH_VARIANT: 'ssh',
  }
}

class SshAgent {
  readonly socket: string
  readonly #folder: string
  readonly #process: ChildProcess

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder
    this.socket = join(folder, 'agent')
    this.#process = child
  }

  static async start(key: string): Promise<SshAgent> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-ssh-'))
    const child = spawn('ssh-agent', ['-D', '-a', join(folder, 'agent')], { stdio: 'ignore', env: plainEnv() })
    const failed = new Promise<void>(resolve => child.once('error', () => resolve()))
    const agent = new SshAgent(folder, child)
    try {
      await Promise.race([agent.#listens(), failed])
      await agent.#add(key)
      return agent
    } catch (thrown) {
      await agent.close()
      throw thrown
    }
  }

  async #listens(): Promise<void> {
    for (const end = performance.now() + agentMs; performance.now() < end; await sleep(10))
      if (
        await stat(this.socket).then(
          found => found.isSocket(),
          () => false,
        )
      )
        return
    throw new MeshError('TIMEOUT', { detail: 'ssh-agent did not start' })
  }

  /** By a pipe: the key is in no file and no argument. */
  async #add(key: string): Promise<void> {
    const env = { ...plainEnv(), SSH_AUTH_SOCK: this.socket, SSH_ASKPASS_REQUIRE: 'never' }
    const add = spawn('ssh-add', ['-q', '-'], { stdio: ['pipe', 'ignore', 'ignore'], env, timeout: agentMs })
    add.stdin.on('error', () => undefined)
    add.stdin.end(`${key.trim()}\n`)
    const [code] = (await once(add, 'close')) as [number | null]
    if (code !== 0)
      throw new MeshError('REPO_DENIED', { detail: 'the ssh key cannot be used: it has a passphrase or is no key' })
  }

  async close(): Promise<void> {
    if (this.#process.pid !== undefined && this.#process.exitCode === null) {
      const ended = once(this.#process, 'close')
      this.#process.kill('SIGKILL')
      await ended
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

const plainEnv = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, LC_ALL: 'C' })

const denied =
  /authentication failed|could not read (?:username|password)|returned error: 40[134]|permission denied|not found|does not (?:appear to be|exist)|host key verification failed|access denied|no such identity|not a git repository/i
const moved = /returned error: 30\d|redirect/i
const unreachable =
  /could not resolve|failed to connect|couldn't connect|connection (?:refused|reset|timed out|closed)|network is unreachable|no route to host|operation too slow|early eof|returned error: 5\d\d|ssl|tls|certificate|unexpected disconnect|rpc failed/i

/** What a git that talked to a remote says of its failure, told apart (GT16). */
export function remoteFailure({ host }: Remote, { stderr }: Pick<GitAnswer, 'stderr'>): MeshError {
  const line =
    stderr.split('\n').find(text => /^(?:fatal|error|remote):/i.test(text) && text.length > 10) ?? lastLine(stderr)
  const detail = `${host || 'the folder'}: ${line.slice(0, 300)}`
  if (moved.test(stderr))
    return new MeshError('REPO_DENIED', { detail: `${host}: the repository has another address now` })
  if (denied.test(stderr)) return new MeshError('REPO_DENIED', { detail })
  if (unreachable.test(stderr)) return new MeshError('UNREACHABLE', { detail })
  return new MeshError('INTERNAL', { detail })
}
