/** Where a notebook's code runs, in words for its bar (W50). Pure. */
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import { asOfWords, movingWords } from '@meshbook/core/session-words.ts'
import { comesAlong } from '../moves/comes-along.ts'
import { ago } from './duration.ts'

export interface WhereFacts {
  session: Pick<SessionInfo, 'device' | 'kernel' | 'language' | 'since' | 'saved' | 'moving'> | undefined
  devices: readonly DeviceInfo[]
  /** Id of the device that was chosen in this browser. */
  chosen: string | undefined
  /** What the notebook's front matter says. */
  runsOn: string | undefined
  /** Id of the device that this page is on, where that is known. */
  here: string | undefined
  isForked: boolean
  now: number
}

export type WhereKind = 'live' | 'cloud' | 'starting' | 'away' | 'next' | 'none'
export interface Where {
  kind: WhereKind
  text: string
  note: string
}

/** As the router finds it: by id, or by name if only one has it. */
export function deviceNamed(devices: readonly DeviceInfo[], wanted: string): DeviceInfo | undefined {
  const name = wanted.trim().toLowerCase()
  const found = devices.filter(device => device.id === wanted.trim() || device.name.trim().toLowerCase() === name)
  return found.length === 1 ? found[0] : undefined
}

export function whereOf(facts: WhereFacts): Where {
  const { devices, chosen, runsOn, session } = facts
  const holder = devices.find(({ id }) => id === session?.device)
  if (session?.moving && session.moving.phase !== 'waiting' && session.moving.phase !== 'saving')
    return { kind: 'starting', text: 'Restoring session…', note: `${movingWords(session.moving)}.` }
  const wanted = chosen ?? runsOn
  if (wanted === undefined) return holder ? liveAt(holder, facts) : nowhere(facts)
  const target = chosen === undefined ? deviceNamed(devices, wanted) : devices.find(({ id }) => id === chosen)
  const why = chosen === undefined ? 'The notebook says so (runs-on).' : 'You chose it.'
  if (!target) return unknown(wanted, chosen !== undefined)
  if (target.id === holder?.id) return withNote(liveAt(target, facts), why)
  return withNote(nextAt(target, holder, facts), why)
}

const withNote = (where: Where, why: string): Where => ({ ...where, note: `${where.note} ${why}` })

function liveAt(holder: DeviceInfo, { session, here, isForked, now }: WhereFacts): Where {
  if (holder.status !== 'online') return { kind: 'away', text: holder.name, note: awayNote(holder, session, now) }
  if (!session?.kernel) return { kind: 'starting', text: 'Starting session…', note: `On ${holder.name}.` }
  const since = session.since ? `, since ${ago(session.since, now)}` : ''
  const whose = isForked ? 'Your own session' : session.kernel
  const note = `${whose} is live on ${holder.name} with its variables${since}.`
  if (holder.kind === 'worker') return { kind: 'cloud', text: 'Cloud', note }
  const isRemote = here !== undefined && here !== holder.id
  return { kind: 'live', text: isRemote ? `${holder.name} (remote)` : holder.name, note }
}

function awayNote({ name, status, lastSeenAt }: DeviceInfo, session: WhereFacts['session'], now: number): string {
  if (status === 'suspect') return `${name} has the session and does not answer at the moment. Runs wait for it.`
  return `${name} had the session and is offline, last seen ${ago(lastSeenAt, now)}. ${elsewhere(session, now)}`
}

function elsewhere(session: WhereFacts['session'], now: number): string {
  if (!session?.saved?.snapshot) return 'Another device would start with no variables.'
  return `Another device goes on with its state ${asOfWords(session.saved, now)}.`
}

function nextAt(target: DeviceInfo, holder: DeviceInfo | undefined, { session, now }: WhereFacts): Where {
  if (target.status !== 'online')
    return {
      kind: 'away',
      text: target.name,
      note: `${target.name} is ${target.status === 'suspect' ? 'not answering' : `offline, last seen ${ago(target.lastSeenAt, now)}`}. Runs wait until it is back; no other device is tried.`,
    }
  const along = session?.saved && comesAlong(session, target, now)
  if (holder && along?.comes)
    return { kind: 'next', text: target.name, note: `The next run goes on on ${target.name}, ${along.note}.` }
  const leaves = holder ? ` The variables on ${holder.name} do not go with it.` : ''
  return { kind: 'next', text: target.name, note: `The next run starts a session on ${target.name}.${leaves}` }
}

function unknown(wanted: string, isChoice: boolean): Where {
  if (isChoice)
    return {
      kind: 'away',
      text: 'Not paired',
      note: 'The device that you chose is not paired any more. Runs are refused until you choose another.',
    }
  return {
    kind: 'away',
    text: wanted,
    note: `The notebook says that it runs on ${wanted}, and no one device has this name. Runs are refused until you choose one.`,
  }
}

function nowhere({ devices, isForked }: WhereFacts): Where {
  const able = devices.some(({ status, policy }) => status === 'online' && policy.executes)
  const whose = isForked ? 'Your own session has not begun. ' : ''
  const note = able
    ? 'The first run starts one, on the device that fits best.'
    : 'No device is online. Start Meshbook on one of your machines: `meshbook up`.'
  return { kind: 'none', text: 'No runtime', note: `${whose}${note}` }
}
