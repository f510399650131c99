/** What stands behind the bar's words for where a notebook runs: what becomes of its variables, and what to do (W50, SW11). Pure. */
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { comesAlong } from '../moves/comes-along.ts'
import { ago } from './duration.ts'
import { placeOf, type WhereFacts } from './where.ts'

export function whereNote(facts: WhereFacts): string {
  const { holder, target, wanted, isRestoring } = placeOf(facts)
  if (isRestoring) return 'Its saved state is on the way; runs wait for it.'
  if (wanted === undefined) return holder ? liveNote(holder, facts) : nowhereNote(facts)
  if (!target) return unknownNote(wanted, facts.chosen !== undefined)
  const note = target.id === holder?.id ? liveNote(target, facts) : nextNote(target, holder, facts)
  return `${note} ${facts.chosen === undefined ? 'The notebook says so (runs-on).' : 'You chose it.'}`
}

function liveNote(holder: DeviceInfo, { session, isForked, now }: WhereFacts): string {
  if (holder.status !== 'online') return awayNote(holder, session, now)
  if (!session?.kernel) return `On ${holder.name}.`
  const since = session.since ? `, since ${ago(session.since, now)}` : ''
  return `${isForked ? 'Your own session' : session.kernel} is live on ${holder.name} with its variables${since}.`
}

function awayNote({ name, status, lastSeenAt }: DeviceInfo, session: WhereFacts['session'], now: number): string {
  if (status === 'suspect') return `${name} has the session and does not answer at the moment. Runs wait for it.`
  const isSaved = session?.saved?.snapshot !== null && session?.saved !== undefined
  const elsewhere = isSaved ? 'goes on with its saved state' : 'would start with no variables'
  return `${name} had the session and is offline, last seen ${ago(lastSeenAt, now)}. Another device ${elsewhere}.`
}

function nextNote(target: DeviceInfo, holder: DeviceInfo | undefined, { session, now }: WhereFacts): string {
  const { name, status, lastSeenAt } = target
  if (status !== 'online') {
    const away = status === 'suspect' ? 'not answering' : `offline, last seen ${ago(lastSeenAt, now)}`
    return `${name} is ${away}. Runs wait until it is back; no other device is tried.`
  }
  if (holder && comesAlong(session?.saved, target))
    return `The next run goes on on ${name}, with the variables as they were saved.`
  return `The next run starts a session on ${name}.${holder ? ` The variables on ${holder.name} do not go with it.` : ''}`
}

function unknownNote(wanted: string, isChoice: boolean): string {
  if (isChoice) return 'The device that you chose is not paired any more. Runs are refused until you choose another.'
  return `The notebook says that it runs on ${wanted}, and no one device has this name. Runs are refused until you choose one.`
}

function nowhereNote({ devices, isForked }: WhereFacts): string {
  const able = devices.some(({ status, policy }) => status === 'online' && policy.executes)
  const note = able
    ? 'The first run starts one, on the device that fits best.'
    : 'No device is online. Start Meshbook on one of your machines: `meshbook up`.'
  return `${isForked ? 'Your own session has not begun. ' : ''}${note}`
}
