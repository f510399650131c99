/** What the pages say of a device: how it is, what it is used for, what goes with it. Pure. */
import type { DevicePolicy } from '@meshbook/core/device-policy.ts'
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import { ago } from '../notebook/duration.ts'

type Kind = DeviceInfo['kind']

export const kindWords: Record<Kind, string> = {
  desktop: 'Computer',
  phone: 'Phone',
  server: 'Server',
  worker: 'Cloud worker',
}

const systems: readonly [RegExp, string][] = [
  [/^darwin\b/i, 'macOS'],
  [/^win32\b/i, 'Windows'],
  [/^linux\b/i, 'Linux'],
]

/** `linux 6.1.0-23-amd64` as `Linux 6.1`; of macOS the kernel's number says nothing to a person. */
export function systemName(os: string): string {
  const found = systems.find(([pattern]) => pattern.test(os))
  if (!found) return os
  const [, name] = found
  const number = /\s(\d+\.\d+)/.exec(os)?.[1]
  return name === 'macOS' || number === undefined ? name : `${name} ${number}`
}

export function statusText({ status, lastSeenAt }: Pick<DeviceInfo, 'status' | 'lastSeenAt'>, now: number): string {
  if (status === 'online') return 'Online'
  return status === 'suspect' ? 'Not answering' : `Last seen ${ago(lastSeenAt, now)}`
}

/** How somebody gets it back who wants to run something there; empty while it is there. */
export function wakeHint({ kind, status, name }: Pick<DeviceInfo, 'kind' | 'status' | 'name'>): string {
  if (status === 'online') return ''
  if (status === 'suspect') return 'Its connection may come back by itself within a minute.'
  if (kind === 'phone') return `Open Meshbook on ${name}.`
  if (kind === 'worker') return 'It is started again when a run needs it.'
  const how = kind === 'server' ? 'Turn it on' : 'Open its lid or press a key'
  return `${how}; it comes back by itself. If it does not: \`meshbook up\` there, or once and for all \`meshbook up --install\`.`
}

/** What its owner set that is not as usual, each in a few words. */
export function policyWords(policy: DevicePolicy, kind: Kind): string[] {
  const words: string[] = []
  if (!policy.executes && kind !== 'phone') words.push('Runs no code')
  if (policy.battery !== 'avoid') words.push(policy.battery === 'never' ? 'Not on battery' : 'Also on battery')
  if (policy.metered !== 'avoid') words.push(policy.metered === 'never' ? 'Not on metered' : 'Also on metered')
  if (policy.alwaysOn) words.push('Always on')
  if (policy.runsOfOthers === 'allow') words.push('Open to other people')
  if (policy.runsOfOthers === 'never') words.push('Only my runs')
  if (policy.environments === 'automatic') words.push('Installs packages by itself')
  if (policy.memoryBytes > 0) words.push(`At most ${(policy.memoryBytes / 2 ** 30).toFixed(1)} GB a session`)
  if (policy.runMinutes > 0) words.push(`Runs up to ${counted(policy.runMinutes, 'minute')}`)
  if (policy.idleMinutes > 0) words.push(`Ends sessions idle for ${counted(policy.idleMinutes, 'minute')}`)
  if (policy.costPerHour > 0) words.push(`Costs ${policy.costPerHour} an hour`)
  return words
}

export interface Held {
  sessions: readonly Pick<SessionInfo, 'language' | 'name'>[]
  /** Titles of the notebooks of the runs that it holds. */
  runs: readonly string[]
}

/** What revoking it loses, a point each (W62). */
export function lostByRevoking({ name, kind }: Pick<DeviceInfo, 'name' | 'kind'>, { sessions, runs }: Held): string[] {
  const points = ['It is disconnected at once and forgets nothing of its own: its files stay on it.']
  if (sessions.length > 0) {
    const which = sessions.map(session => sessionName(session)).join(', ')
    points.push(`${counted(sessions.length, 'live session')} with all variables: ${which}.`)
  }
  if (runs.length > 0) points.push(`${counted(runs.length, 'run')} on it, ended as interrupted: ${runs.join(', ')}.`)
  if (kind !== 'phone') points.push(`What only ${name} has not sent yet reaches the hub no more.`)
  points.push('It must be paired again to come back.')
  return points
}

export function sessionName({ language, name }: Pick<SessionInfo, 'language' | 'name'>): string {
  return name === 'default' ? language : `${language} (${name})`
}

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** The parts of a policy that differ from what is set now. */
export function policyChange(before: DevicePolicy, after: DevicePolicy): Partial<DevicePolicy> {
  const names = Object.keys(after) as (keyof DevicePolicy)[]
  return Object.fromEntries(names.filter(name => after[name] !== before[name]).map(name => [name, after[name]]))
}

/** `11.4 of 16 GB` */
export function memoryText(totalBytes: number, freeBytes: number): string {
  const giga = (bytes: number) => (bytes / 2 ** 30).toFixed(bytes < 10 * 2 ** 30 ? 1 : 0)
  return `${giga(Math.max(0, totalBytes - freeBytes))} of ${giga(totalBytes)} GB`
}
