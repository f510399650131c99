/**
 * Where a run goes: one pure function that says why. It never replaces the device that the user chose (I11), and never
 * answers with a device that is not online. The hub asks it, and a device that has no hub asks it about itself.
 */
import type { ErrorCode } from './errors.ts'
import type { DeviceId } from './ids.ts'
import { runtimeFor } from './languages.ts'
import type { DeviceInfo, DeviceStatus } from './messages.ts'

export interface RouteDevice extends Pick<DeviceInfo, 'id' | 'name' | 'kind' | 'lastSeenAt' | 'runtimes' | 'metrics'> {
  status: DeviceStatus | 'revoked'
  /** Whether it has the project's files. */
  attached: boolean
  /** Whether its owner lets it run code. Phones never do. */
  executes: boolean
  /** Runs that it holds now. */
  busyRuns: number
}

export interface RouteInput {
  request: {
    language: string
    /** What the notebook asks of the device: `gpu`. */
    requires: readonly string[]
    /** "Run on…": this device or none. */
    on?: DeviceId | undefined
  }
  devices: readonly RouteDevice[]
  /** The session's live head: the device that holds it has the variables. */
  session?: { holder?: DeviceId | undefined } | undefined
  now: number
}

interface Wait {
  wait: string
  /** What would let it start. */
  unblock: string
}
interface Refusal {
  refuse: ErrorCode
  detail: string
}
/** `reasons` are sentences for a person, at least one. */
export type RouteDecision = ({ to: DeviceId } | Wait | Refusal) & { reasons: string[] }

export function route(input: RouteInput): RouteDecision {
  const { on } = input.request
  if (on !== undefined) return toChosen(input, on)
  const holderId = input.session?.holder
  return holderId === undefined ? toBest(input, []) : toHolder(input, holderId)
}

function toChosen(input: RouteInput, on: DeviceId): RouteDecision {
  const device = input.devices.find(candidate => candidate.id === on)
  const reasons = ['You chose the device; no other is tried.']
  if (!device) return { refuse: 'NO_DEVICE', detail: 'The chosen device is not paired.', reasons }
  if (device.status === 'revoked') return { refuse: 'REVOKED', detail: `${device.name} has been revoked.`, reasons }
  if (!executes.allows(device, input))
    return { refuse: 'NO_DEVICE', detail: `${device.name} does not run code.`, reasons }
  const blocked = rules.find(rule => !rule.allows(device, input))?.blocked([device], input)
  if (blocked) return { ...blocked, reasons }
  if (device.status !== 'online') return { ...waitFor(device, input.now), reasons }
  const { holder = on } = input.session ?? {}
  return {
    to: on,
    reasons: [
      `You chose ${device.name}.`,
      ...(holder === on ? [] : ['The variables of the session are on another device.']),
    ],
  }
}

function toHolder(input: RouteInput, holderId: DeviceId): RouteDecision {
  const holder = input.devices.find(device => device.id === holderId)
  const name = holder?.name ?? 'A device that is not paired any more'
  const lost = `${name} had the session; the other devices do not have its variables.`
  if (!holder || holder.status === 'revoked' || holder.status === 'offline') return toBest(input, [lost])
  if (affinityRules.some(rule => !rule.allows(holder, input)))
    return toBest(input, [`${name} may not run this any more.`, lost])
  const reasons = [`${name} has the live session with its variables.`]
  if (holder.status === 'suspect') return { ...waitFor(holder, input.now), reasons }
  if (!hardware.allows(holder, input))
    reasons.push(`It lacks what the notebook asks for: ${input.request.requires.join(', ')}.`)
  return { to: holder.id, reasons }
}

/** The best of all devices: each rule leaves fewer, and the rule that leaves none says what would help. */
function toBest(input: RouteInput, reasons: string[]): RouteDecision {
  let left = byRank(input.devices.filter(device => device.status !== 'revoked'))
  if (left.length === 0) return explained(noComputer, reasons)
  for (const rule of rules) {
    const allowed = left.filter(device => rule.allows(device, input))
    if (allowed.length === 0) return explained(rule.blocked(left, input), reasons)
    left = allowed
  }
  const online = left.filter(device => device.status === 'online')
  const [best, next] = online
  if (!best) return explained(waitFor(nearest(left), input.now), reasons)
  const why = next
    ? `${best.name} is ${advantage(best, next)} of the ${online.length} devices that can run it.`
    : `${best.name} is the only online device that can run it.`
  return { to: best.id, reasons: [...reasons, why] }
}

function explained(outcome: Wait | Refusal, reasons: string[]): RouteDecision {
  return { ...outcome, reasons: [...reasons, 'wait' in outcome ? outcome.wait : outcome.detail] }
}

/** What a device must be. `blocked` is the outcome when none of the devices that got so far is. */
interface Rule {
  allows: (device: RouteDevice, input: RouteInput) => boolean
  blocked: (devices: readonly RouteDevice[], input: RouteInput) => Wait | Refusal
}

const noComputer: Wait = {
  wait: 'No computer is paired that runs code.',
  unblock: 'Start Meshbook on one: `meshbook up`.',
}
const executes: Rule = {
  allows: device => device.executes && device.kind !== 'phone',
  blocked: () => noComputer,
}
const hasHardware = new Map<string, (device: RouteDevice) => boolean>([
  ['gpu', device => (device.metrics?.gpus.length ?? 0) > 0],
])
const hardware: Rule = {
  allows: (device, { request }) => request.requires.every(name => hasHardware.get(name.toLowerCase())?.(device)),
  blocked: (devices, { request }) => ({
    refuse: 'NO_DEVICE',
    detail: `The notebook requires ${request.requires.join(', ')}, which ${namesOf(devices)} cannot offer.`,
  }),
}
const language: Rule = {
  allows: (device, { request }) =>
    device.runtimes.some(runtime => runtimeFor(runtime.language) === runtimeFor(request.language)),
  blocked: (devices, { request }) => ({
    refuse: 'KERNEL_MISSING',
    detail: `There is no kernel for ${request.language} on ${namesOf(devices)}.`,
  }),
}
const attached: Rule = {
  allows: device => device.attached,
  blocked: devices => ({
    wait: `The project is not on ${namesOf(devices)}.`,
    unblock: 'Attach it there: `meshbook attach`.',
  }),
}
const rules = [executes, hardware, language, attached]
const affinityRules = [executes, language, attached]

/** What makes one device better than another, the strongest first; the smaller number wins. */
const ranks: readonly { of: (device: RouteDevice) => number; advantage: string }[] = [
  {
    of: ({ metrics }) =>
      Number(metrics?.battery !== undefined && !metrics.battery.charging && metrics.battery.level < 0.2),
    advantage: 'the one with enough battery',
  },
  { of: device => device.busyRuns, advantage: 'the least busy' },
  { of: device => device.metrics?.cpu ?? 1, advantage: 'the least loaded' },
]

function byRank(devices: readonly RouteDevice[]): RouteDevice[] {
  return devices.toSorted((a, b) => {
    const rank = ranks.find(({ of }) => of(a) !== of(b))
    return rank ? rank.of(a) - rank.of(b) : a.id < b.id ? -1 : 1
  })
}

function advantage(best: RouteDevice, next: RouteDevice): string {
  return ranks.find(({ of }) => of(best) !== of(next))?.advantage ?? 'the first'
}

/** The device that is most likely to be back first. */
function nearest(devices: readonly RouteDevice[]): RouteDevice {
  return devices.toSorted((a, b) => b.lastSeenAt - a.lastSeenAt || (a.id < b.id ? -1 : 1))[0]!
}

function waitFor(device: RouteDevice, now: number): Wait {
  if (device.status === 'suspect')
    return {
      wait: `${device.name} does not answer at the moment.`,
      unblock: `It starts when ${device.name} answers again.`,
    }
  return {
    wait: `${device.name} is offline, last seen ${ago(now - device.lastSeenAt)}.`,
    unblock: `Wake ${device.name}, or choose another device.`,
  }
}

function ago(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 120) return `${minutes} min ago`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`
}

function namesOf(devices: readonly RouteDevice[]): string {
  const names = devices
    .slice(0, 3)
    .map(device => device.name)
    .join(', ')
  return devices.length > 3 ? `${names} and ${devices.length - 3} more` : names
}
