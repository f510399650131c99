/** What the sync indicator says. Each sentence is said only when it is true. Pure. */
import type { StoreProblem } from './document-keeper.ts'
import type { HubState } from './hub-connection.ts'

export interface SyncFacts {
  hub: HubState
  /** Edits that the hub has not acknowledged as durable. */
  unsent: number
  /** Edits that neither the hub has acknowledged nor this device has stored. */
  atRisk: number
  /** Why nothing is stored on this device. */
  problem: StoreProblem | undefined
  /** Why the hub refuses the document. */
  refused: string | undefined
}

export type SyncKind = 'synced' | 'syncing' | 'connecting' | 'offline' | 'offline-saved' | 'saving' | 'not-saved'

export interface SyncStatus {
  kind: SyncKind
  /** Edits that are not on the hub. */
  count: number
  text: string
  /** What it means. */
  why: string
  /** What the user can do; empty when there is nothing to do. */
  todo: string
  tone: '' | 'warn' | 'bad'
}

/** Whether closing the page now would lose work (W31). */
export const losesWork = ({ atRisk }: SyncFacts): boolean => atRisk > 0

export function edits(count: number): string {
  return count === 1 ? '1 edit' : `${count} edits`
}

const problems: Record<StoreProblem, { why: string; todo: string }> = {
  full: {
    why: 'This browser has no room left for Meshbook, so nothing is saved on this device.',
    todo: 'Free some space on this device, or remove the stored data of other sites.',
  },
  forbidden: {
    why: 'This browser does not let Meshbook store anything, so nothing is saved on this device.',
    todo: 'Allow this site to store data, or leave the private window.',
  },
  failing: {
    why: "This browser's database does not work, so nothing is saved on this device.",
    todo: 'Restart the browser when everything is synced.',
  },
}

const keepOpen = 'Keep this page open until the hub is back.'

export function syncStatus(facts: SyncFacts): SyncStatus {
  const base = statusOf(facts)
  const problem = facts.problem && problems[facts.problem]
  if (!problem || base.kind === 'not-saved') return { count: facts.unsent, ...base }
  const why = `${base.why} ${problem.why}`
  return {
    count: facts.unsent,
    ...base,
    text: `${base.text}, not saved on this device`,
    why,
    todo: problem.todo,
    tone: 'warn',
  }
}

/**
 * Whether `next` may be shown a moment later than it is so: that what was on its way has arrived, or that little more is
 * on its way than what is shown. Neither says of anything that it is saved which is not.
 */
export function mayWait(shown: SyncStatus, next: SyncStatus): boolean {
  // `synced` or `syncing`; nothing is on its way once it is synced.
  const isCalm = next.kind.startsWith('sync') && next.count < shown.count + 4
  return shown.kind === 'syncing' && isCalm && next.tone === shown.tone
}

type Base = Omit<SyncStatus, 'count'>

function statusOf(facts: SyncFacts): Base {
  if (facts.refused !== undefined) return refusedStatus(facts, facts.refused)
  if (facts.hub === 'live' && facts.unsent === 0)
    return { kind: 'synced', text: 'Synced ✓', why: 'Every change is stored safely on the hub.', todo: '', tone: '' }
  if (facts.hub === 'offline') return facts.unsent === 0 ? offline : offlineStatus(facts)
  if (facts.unsent === 0)
    return { kind: 'connecting', text: 'Connecting…', why: 'Connecting to the hub.', todo: '', tone: '' }
  const why = `${edits(facts.unsent)} on the way to the hub.`
  return { kind: 'syncing', text: `Syncing… (${facts.unsent})`, why, todo: '', tone: '' }
}

const offline: Base = {
  kind: 'offline',
  text: 'Offline',
  why: 'The hub cannot be reached. It has every change that was made here.',
  todo: 'You can go on working; what you change is sent when the hub is back.',
  tone: 'warn',
}

function offlineStatus(facts: SyncFacts): Base {
  if (facts.atRisk === 0 && facts.problem === undefined)
    return {
      kind: 'offline-saved',
      text: 'Offline, changes saved locally',
      why: `The hub cannot be reached. ${edits(facts.unsent)} not on the hub yet, all saved on this device.`,
      todo: 'They are sent when the hub is back; open this document then.',
      tone: 'warn',
    }
  if (facts.problem === undefined)
    return { kind: 'saving', text: 'Saving…', why: 'Being saved on this device.', todo: '', tone: 'warn' }
  const { why, todo } = problems[facts.problem]
  return {
    kind: 'not-saved',
    text: 'Not saved',
    why: `The hub cannot be reached. ${why}`,
    todo: `${keepOpen} ${todo}`,
    tone: 'bad',
  }
}

function refusedStatus(facts: SyncFacts, refused: string): Base {
  if (facts.unsent === 0)
    return {
      kind: 'offline',
      text: 'Not connected',
      why: `The hub refuses this document: ${refused}`,
      todo: '',
      tone: 'warn',
    }
  const kept = facts.atRisk === 0 && facts.problem === undefined
  return {
    kind: 'not-saved',
    text: kept ? 'Not on the hub' : 'Not saved',
    why: `${edits(facts.unsent)} not on the hub, ${kept ? 'but saved on this device' : 'and not saved on this device'}: ${refused}`,
    todo: kept
      ? 'Copy what you need before you clear the data of this site.'
      : 'Copy what you need before you close this page.',
    tone: 'bad',
  }
}
