/**
 * What was saved of a session, as the router weighs it (RT60–RT64): on which devices it can go on, from which states, and
 * what a person is told where it cannot.
 */
import { limits } from '../limits.ts'
import type { Failover } from '../messages.ts'
import type { Rung } from '../snapshot.ts'
import { whyUnfit } from '../snapshot-fit.ts'
import type { RouteDevice, RouteInput, RouteRequest, SavedState } from './input.ts'

/** The best first: of the newest state, and of equally new ones the whole process. */
function ranked({ session, now }: RouteInput): SavedState[] {
  return (session?.saved ?? [])
    .filter(({ rung }) => !isTooOld(rung, now))
    .toSorted((a, b) => (isSameState(a.rung, b.rung) ? byKind(a, b) : b.rung.asOf.at - a.rung.asOf.at))
}

const isTooOld = ({ asOf }: Rung, now: number): boolean => now - asOf.at > limits.snapshotOldMs
const byKind = (a: SavedState, b: SavedState): number =>
  Number(b.rung.kind === 'image') - Number(a.rung.kind === 'image') || b.rung.asOf.at - a.rung.asOf.at

/** Both kinds are saved after a run, one after the other. */
function isSameState(a: Rung, b: Rung): boolean {
  return a.asOf.run === null || b.asOf.run === null ? a.asOf.at === b.asOf.at : a.asOf.run === b.asOf.run
}

/** The states from which the session can go on there, the best first; what a lease takes along of them. */
export function rungsFor(input: RouteInput, device: RouteDevice): Rung[] {
  return ranked(input)
    .filter(state => unfitAt(state, device) === undefined && isOfLanguage(state, input.request))
    .map(({ rung }) => rung)
    .slice(0, limits.snapshotRungsPerLease)
}

function unfitAt({ rung, fit, owner }: SavedState, device: RouteDevice): string | undefined {
  if (owner !== undefined && device.owner !== undefined && owner !== device.owner)
    return `Only devices of ${owner} can open it.`
  return whyUnfit({ kind: rung.kind, fit }, device)
}

/** A kernel of another name cannot take the place of the one that the notebook asks for. */
const isOfLanguage = ({ fit }: SavedState, { kernel }: RouteRequest): boolean =>
  kernel === undefined || fit.kernelspec === undefined || fit.kernelspec === kernel

/** Of these devices those on which the best of all that fit anywhere can go on; empty where nothing fits. */
export function bestPlaces(input: RouteInput, devices: readonly RouteDevice[]): RouteDevice[] {
  const states = ranked(input)
  const place = (device: RouteDevice): number => {
    const [best] = rungsFor(input, device)
    return best ? states.findIndex(({ rung }) => rung.snapshot === best.snapshot) : Number.POSITIVE_INFINITY
  }
  const places = devices.map(device => ({ device, at: place(device) }))
  const least = Math.min(...places.map(({ at }) => at))
  return least === Number.POSITIVE_INFINITY ? [] : places.filter(({ at }) => at === least).map(({ device }) => device)
}

/** Why the session begins anew on that device; nothing where there was never anything to save, or nobody asked for it. */
export function whyAnew(input: RouteInput, device: RouteDevice): string[] {
  const saved = input.session?.saved
  if (!saved || !input.session?.hasRun) return []
  if (saved.length === 0) return ['Nothing of it was saved.']
  const [best] = ranked(input)
  if (!best) return [`Its state ${asOf(newestOf(saved), input.now)} is too old to go on.`]
  const why = unfitAt(best, device) ?? `It is the state of another kernel than the notebook asks for.`
  return [`Its state ${asOf(best.rung, input.now)} cannot go on on ${device.name}.`, why]
}

const newestOf = (saved: readonly SavedState[]): Rung =>
  saved.map(({ rung }) => rung).reduce((newest, rung) => (rung.asOf.at > newest.asOf.at ? rung : newest))

/** `as of 14:02`, by the clock of this machine; of another day with its date. */
export function asOf({ asOf: { at } }: Rung, now: number): string {
  const date = new Date(at)
  const two = (number: number): string => String(number).padStart(2, '0')
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`
  const isToday = date.toDateString() === new Date(now).toDateString()
  return isToday
    ? `as of ${time}`
    : `as of ${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`
}

/** Whether a run goes elsewhere although the device that has the session may still come back (RT63). */
export function goesElsewhere({ elsewhere, failover = 'wait' }: RouteRequest, silentMs: number): boolean {
  return elsewhere === true || (failover !== 'wait' && silentMs >= failover.elsewhereAfterMs)
}

/** How long it still waits, in words; undefined where it waits until the device is offline for sure. */
export function untilElsewhere(failover: Failover | undefined): string | undefined {
  return failover === undefined || failover === 'wait'
    ? undefined
    : `after ${Math.ceil(failover.elsewhereAfterMs / 1000)} s of silence it goes on elsewhere`
}
