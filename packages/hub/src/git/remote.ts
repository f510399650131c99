/** What the address of a repository names, and whether git may go there (GT5). The reading is pure. */
import { realpath } from 'node:fs/promises'
import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MeshError } from '@meshbook/core/errors.ts'
import { isRepo } from '@meshbook/core/tasks-api.ts'
import { checkedAddresses, type OutgoingPorts } from '../outgoing/guarded-request.ts'
import type { GitConfig } from './git-program.ts'

export interface Remote {
  transport: 'https' | 'http' | 'ssh' | 'file'
  /** As git gets it. */
  url: string
  /** With the port where it is not the usual one; empty for a folder. */
  host: string
  name: string
  port: number
  /** Without slashes around it and without `.git`: `owner/name` at most hosts. */
  path: string
}

export interface RemoteRules {
  /** http, and hosts in the hub's own network. */
  inside: boolean
  /** Folders below which `file:` may lead. */
  folders: readonly string[]
}

const usualPorts = { https: 443, http: 80, ssh: 22, file: 0 } as const

export function parseRemote(repo: string): Remote {
  if (!isRepo(repo)) throw new MeshError('BAD_REQUEST', { detail: 'this is no address of a git repository' })
  const short = /^([\w.-]+)@([\w.-]+):\/?(.+)$/.exec(repo)
  const url = new URL(short ? `ssh://${short[1]}@${short[2]}/${short[3]}` : repo)
  const transport = url.protocol.slice(0, -1) as Remote['transport']
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  // Names that a program would take for an option.
  if (name.startsWith('-') || url.username.startsWith('-')) throw new MeshError('BAD_REQUEST', { detail: 'not a host' })
  return {
    transport,
    url: url.href,
    host: url.host,
    name,
    port: url.port === '' ? usualPorts[transport] : Number(url.port),
    path: url.pathname.replace(/^\/+|\/+$/g, '').replace(/\.git$/, ''),
  }
}

/** How git is told to go to an address that was checked, and to no other. */
export interface Way {
  config: GitConfig
  /** For ssh: the address to connect to. */
  address: string | null
}

export async function checkedWay(
  remote: Remote,
  { inside, folders }: RemoteRules,
  resolve: OutgoingPorts['resolve'],
  signal: AbortSignal,
): Promise<Way> {
  if (remote.transport === 'file') return checkedFolder(remote, folders)
  if (remote.transport === 'http' && !inside)
    throw new MeshError('OUTGOING_REFUSED', {
      detail: `${remote.host}: without TLS everybody between can read and change it`,
    })
  const url = new URL(`https://${isIP(remote.name) === 6 ? `[${remote.name}]` : remote.name}`)
  const allows = inside ? (['public', 'private'] as const) : (['public'] as const)
  const found = await unreachable(checkedAddresses({ resolve }, url, allows, signal), remote)
  const addresses = found.map(({ address }) => address)
  const pinned = `${remote.name}:${remote.port}:${addresses.join(',')}`
  const config: GitConfig = isIP(remote.name) || remote.transport === 'ssh' ? [] : [['http.curloptResolve', pinned]]
  return { config, address: addresses[0] ?? null }
}

async function unreachable<T>(promise: Promise<T>, { host }: Remote): Promise<T> {
  try {
    return await promise
  } catch (cause) {
    if (cause instanceof MeshError) throw cause
    throw new MeshError('UNREACHABLE', { detail: `${host}: the name is not known`, cause })
  }
}

async function checkedFolder({ url }: Remote, folders: readonly string[]): Promise<Way> {
  const refused = new MeshError('OUTGOING_REFUSED', { detail: 'this hub takes no repository from that folder' })
  const real = await realpath(fileURLToPath(url)).catch((cause: unknown) => {
    throw new MeshError('REPO_DENIED', { detail: 'there is no such folder', cause })
  })
  for (const folder of folders) {
    const allowed = await realpath(folder)
    if (real === allowed || real.startsWith(`${allowed}/`)) return { config: [], address: null }
  }
  throw refused
}
