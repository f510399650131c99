/** Where the hub's git may go, from its settings (GT5, GT34). */
import { isAbsolute, resolve } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { HostKind } from './git-credential.ts'
import type { RemoteRules } from './remote.ts'

export interface GitSettings {
  rules: RemoteRules
  hosts: ReadonlyMap<string, HostKind>
}

export const gitSettings = {
  MESHBOOK_GIT_INSIDE: 'yes: agent tasks may use repositories in the network of the hub, and over http (no)',
  MESHBOOK_GIT_FOLDERS: 'folders of this machine below which agent tasks may use repositories, with commas between',
  MESHBOOK_GIT_HOSTS: 'what git hosts of your own are, such as github=git.example,gitlab=code.example:8443',
} as const
type GitSetting = keyof typeof gitSettings

export function parseGit(setting: (name: GitSetting) => string | undefined): GitSettings {
  const inside = setting('MESHBOOK_GIT_INSIDE') ?? 'no'
  if (inside !== 'yes' && inside !== 'no') throw bad('MESHBOOK_GIT_INSIDE', 'yes or no')
  const folders = list(setting('MESHBOOK_GIT_FOLDERS'))
  if (!folders.every(isAbsolute)) throw bad('MESHBOOK_GIT_FOLDERS', 'paths from the root')
  const rules = { inside: inside === 'yes', folders: folders.map(folder => resolve(folder)) }
  return { rules, hosts: new Map(list(setting('MESHBOOK_GIT_HOSTS')).map(hostOf)) }
}

function hostOf(text: string): [host: string, kind: HostKind] {
  const found = /^(github|gitlab|plain)=([A-Za-z0-9.-]+(?::\d{1,5})?)$/.exec(text)
  if (!found) throw bad('MESHBOOK_GIT_HOSTS', 'entries such as github=git.example')
  return [found[2]!.toLowerCase(), found[1] as HostKind]
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

function bad(setting: string, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${setting}: expected ${expected}` })
}
