/**
 * Where a run goes: one pure function that says why (SPEC.md, RT1–RT22, RT60–RT64). It never replaces the device that the user chose
 * (I11), and never answers with a device that is not online. The hub asks it, and a device that has no hub asks it about
 * itself. What a device must be stands in `route/rules.ts`, what makes one better in `route/ranks.ts`.
 */
import type { DeviceId } from './ids.ts'
import { runtimeFor } from './languages.ts'
import { unknownRequirements } from './route/hardware.ts'
import type { Outcome, RouteDecision, RouteDevice, RouteInput, WorkerDecision, WorkerOffer } from './route/input.ts'
import { bestOf } from './route/ranks.ts'
import { noComputer, power, sieve } from './route/rules.ts'
import { asOf, bestPlaces, goesElsewhere, rungsFor, whyAnew } from './route/saved.ts'
import { explained, nearest, waitFor, waitForHolder } from './route/words.ts'
import type { Rung } from './snapshot.ts'

export type * from './route/input.ts'

type Asked = RouteInput & { worker?: WorkerOffer | undefined }
type Decision = RouteDecision | WorkerDecision

/** With a `worker` that could be had, the answer may be to have it (RT18). */
export function route(input: RouteInput & { worker: WorkerOffer }): Decision
export function route(input: RouteInput): RouteDecision
export function route(input: Asked): Decision {
  const { on, runsOn } = input.request
  if (on !== undefined) return toChosen(input, on)
  if (runsOn !== undefined) return toNamed({ ...input, worker: undefined }, runsOn)
  const { holder, lostBy } = input.session ?? {}
  if (holder !== undefined) return toHolder(input, holder)
  return lostBy === undefined
    ? toBest(input, [])
    : fromSaved(input, lostBy, [`${nameOf(input, lostBy)} had the session, and lost it.`])
}

function toChosen(input: RouteInput, on: DeviceId): RouteDecision {
  const device = input.devices.find(candidate => candidate.id === on)
  if (device) return onlyTo(input, device, `You chose ${device.name}; no other is tried.`)
  const unpaired: Outcome = {
    refuse: 'NO_DEVICE',
    detail: 'The chosen device is not paired.',
    unblock: 'Choose another device with "Run on…".',
  }
  return explained(unpaired, ['You chose the device; no other is tried.'])
}

/** The notebook's `runs-on` binds like a choice (RT2). */
function toNamed(input: Asked, runsOn: string): Decision {
  const wanted = runsOn.trim().toLowerCase()
  const named = input.devices.filter(({ id, name }) => id === runsOn.trim() || name.trim().toLowerCase() === wanted)
  const why = `The notebook says that it runs on ${runsOn.trim()}; no other device is tried.`
  const usable = named.filter(({ status }) => status !== 'revoked')
  const held = usable.find(({ id }) => id === input.session?.holder)
  const only = held ?? (usable.length > 1 ? undefined : (usable[0] ?? named[0]))
  if (only) return onlyTo(input, only, why)
  if (usable.length > 1) return toBest({ ...input, devices: usable }, [why])
  const unnamed: Outcome = {
    refuse: 'NO_DEVICE',
    detail: `The notebook asks for ${runsOn.trim()}, and no device has this name.`,
    unblock: 'Choose a device with "Run on…", or change "runs-on" in the notebook.',
  }
  return explained(unnamed, [why])
}

function onlyTo(input: RouteInput, device: RouteDevice, why: string): RouteDecision {
  const blocked = whatBlocks(input, device)
  if (blocked) return explained(blocked, [why])
  const restore = input.session?.holder === device.id ? [] : rungsFor(input, device)
  if (restore.length > 0) return { to: device.id, restore, reasons: [why, ...goesOnAt(input, device, restore[0]!)] }
  return { to: device.id, reasons: [why, ...variablesAt(input, device)] }
}

/** Why this one device cannot take it now. */
function whatBlocks(input: RouteInput, device: RouteDevice): Outcome | undefined {
  if (device.status === 'revoked')
    return {
      refuse: 'REVOKED',
      detail: `${device.name} has been revoked.`,
      unblock: 'Pair it again, or choose another device.',
    }
  const { blocked } = sieve([device], input)
  if (blocked) return blocked
  if (device.status !== 'online') return waitFor(device, input.now)
  return power.allows(device, input.request) ? undefined : power.blocked([device], input.request)
}

function toHolder(input: Asked, holderId: DeviceId): Decision {
  const holder = input.devices.find(device => device.id === holderId)
  if (!holder || holder.status === 'revoked' || holder.status === 'offline')
    return fromSaved(input, holderId, lostWords(input, holderId))
  const reasons = [`${holder.name} has the live session with its variables.`]
  // It may be at work on its own: whatever it lacks, nobody else takes the session before its lease has run out, unless
  // somebody wants it so (I4, RT22).
  if (holder.status === 'suspect') return toSuspect(input, holder, reasons)
  const { blocked } = sieve([holder], input)
  if (blocked) {
    const why = [`${holder.name} has the session but cannot run this.`, ...explained(blocked, []).reasons]
    return fromSaved(input, holderId, why)
  }
  if (power.allows(holder, input.request)) return { to: holder.id, reasons }
  return explained(power.blocked([holder], input.request), reasons)
}

/** While it does not answer the run waits for it, or goes elsewhere because somebody says so (RT63). */
function toSuspect(input: Asked, holder: RouteDevice, reasons: readonly string[]): Decision {
  const silentMs = Math.max(0, input.now - holder.lastSeenAt)
  if (!goesElsewhere(input.request, silentMs))
    return explained(waitForHolder(holder, silentMs, input.request.failover), reasons)
  const wanted = input.request.elsewhere ? 'you want it to run elsewhere now' : 'it may run elsewhere by now'
  const silent = `${holder.name} has not answered for ${Math.round(silentMs / 1000)} s, and ${wanted}.`
  return fromSaved(input, holder.id, [silent])
}

function nameOf({ devices }: RouteInput, id: DeviceId): string {
  return devices.find(device => device.id === id)?.name ?? 'A device that is not paired any more'
}

const lostWords = (input: RouteInput, lost: DeviceId): string[] => [
  `${nameOf(input, lost)} had the session; the other devices do not have its variables.`,
]

/** From what was saved of it, on the best device on which that can go on; anew where it can nowhere (RT60, RT62). */
function fromSaved(input: Asked, lost: DeviceId, reasons: readonly string[]): Decision {
  const { able, blocked } = whoCan(input)
  if (blocked) return workerInstead(input, explained(blocked, reasons))
  const places = bestPlaces(input, able)
  if (places.length === 0) return anew(input, able, reasons)
  const { best, reasons: why } = bestOf(places, input.request)
  const restore = rungsFor(input, best)
  const [chosen = '', ...notes] = why
  const only = `${best.name} is the only one of ${able.length} devices on which it can go on.`
  const how = places.length === 1 && able.length > 1 ? only : chosen
  const said = reasons.length === 1 && isLost(input, lost) ? lostTo(input, lost, best, restore[0]!) : reasons
  const goes = said === reasons ? goesOnAt(input, best, restore[0]!) : []
  return { to: best.id, restore, reasons: [...said, ...goes, how, ...notes] }
}

function isLost({ devices }: RouteInput, id: DeviceId): boolean {
  const status = devices.find(device => device.id === id)?.status
  return status !== 'online' && status !== 'suspect'
}

function lostTo(input: RouteInput, lost: DeviceId, to: RouteDevice, rung: Rung): string[] {
  return [`${nameOf(input, lost)} had the session; its state ${asOf(rung, input.now)} goes on on ${to.name}.`]
}

function goesOnAt({ session, devices, now }: RouteInput, device: RouteDevice, rung: Rung): string[] {
  const live = devices.find(({ id, status }) => id === session?.holder && (status === 'online' || status === 'suspect'))
  const where = live && live.id !== device.id ? `${live.name} has the session; its` : `The session's`
  return [`${where} saved state ${asOf(rung, now)} goes on on ${device.name}.`]
}

function anew(input: Asked, able: readonly RouteDevice[], reasons: readonly string[]): Decision {
  const { best, reasons: why } = bestOf(able, input.request)
  return { to: best.id, reasons: [...reasons, ...whyAnew(input, best), ...why, ...variablesAt(input, best)] }
}

/** The best of all devices that can take it now; when there is none, a worker if one can be had. */
function toBest(input: Asked, reasons: readonly string[]): Decision {
  const { able, blocked } = whoCan(input)
  return blocked ? workerInstead(input, explained(blocked, reasons)) : anew(input, able, reasons)
}

/** The devices that can take it now, at least one, or why there is none. */
function whoCan(input: RouteInput): { able: readonly RouteDevice[]; blocked?: Outcome } {
  const none: readonly RouteDevice[] = []
  const paired = input.devices.filter(device => device.status !== 'revoked')
  if (paired.length === 0) return { able: none, blocked: noComputer }
  const { left, blocked } = sieve(paired, input)
  if (blocked) return { able: none, blocked }
  const online = left.filter(device => device.status === 'online')
  if (online.length === 0) return { able: none, blocked: waitFor(nearest(left), input.now) }
  const able = online.filter(device => power.allows(device, input.request))
  return able.length > 0 ? { able } : { able: none, blocked: power.blocked(online, input.request) }
}

/** What becomes of the variables when the run goes to this device (RT1, RT19). */
function variablesAt({ session, devices }: RouteInput, device: RouteDevice): string[] {
  const { holder, hasRun } = session ?? {}
  if (holder === device.id) return [`${device.name} has the live session with its variables.`]
  if (holder === undefined && !hasRun) return ['It is the first run of its session, which has no variables yet.']
  const other = devices.find(({ id, status }) => id === holder && status !== 'revoked' && status !== 'offline')
  const empty = `The session starts anew on ${device.name}: its variables will be empty.`
  return other ? [`The variables of the session are on another device, ${other.name}.`, empty] : [empty]
}

function workerInstead({ request, session, worker }: Asked, decision: RouteDecision): Decision {
  if (!worker) return decision
  const speaks = worker.languages.some(language => runtimeFor(language) === runtimeFor(request.language))
  const suffices = unknownRequirements(request.requires).length === 0 && (worker.gpu || request.requires.length === 0)
  if (!speaks || !suffices) return decision
  return {
    worker: true,
    reasons: [...decision.reasons, 'A cloud worker is started for it.', ...variablesThere(session, worker)],
  }
}

/** What becomes of the variables on a worker that is made for the run (CP44). */
function variablesThere(session: RouteInput['session'], { restores }: WorkerOffer): string[] {
  const empty = 'The session starts anew there: its variables will be empty.'
  if (!session?.hasRun || restores === undefined) return [empty]
  if (restores) return ['The session goes on there from what was saved of it, if something was.']
  return [empty, 'The hub may not restore sessions of their owner; to allow it: `meshbook compute restoring on`.']
}
