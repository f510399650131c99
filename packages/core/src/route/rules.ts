/** What a device must be (RT4–RT9), as data: each rule says whom it allows, and what would help when it allows nobody. */
import { runtimeFor } from '../languages.ts'
import { knownRequirements, offersAll, unknownRequirements } from './hardware.ts'
import type { Outcome, Refusal, RouteDevice, RouteInput, RouteRequest, Wait } from './input.ts'
import { namesOf } from './words.ts'

export interface Rule {
  allows: (device: RouteDevice, request: RouteRequest) => boolean
  /** The outcome when none of the devices that got so far is allowed; there is at least one. */
  blocked: (devices: readonly RouteDevice[], request: RouteRequest) => Outcome
}

export const noComputer: Wait = {
  wait: 'No computer is paired that runs code.',
  unblock: 'Start Meshbook on one: `meshbook up`.',
}

const isChosen = ({ on, runsOn }: RouteRequest): boolean => on !== undefined || runsOn !== undefined
const elsewhere = 'choose another device with "Run on…"'

const executes: Rule = {
  allows: ({ kind, policy }) => kind !== 'phone' && policy.executes,
  blocked: (devices, request) => {
    if (isChosen(request)) return doesNotRun(devices)
    const computers = devices.filter(({ kind }) => kind !== 'phone')
    if (computers.length === 0) return noComputer
    const [verb, it] = computers.length === 1 ? ['is', 'it'] : ['are', 'one of them']
    return {
      wait: `${namesOf(computers)} ${verb} set to run no code.`,
      unblock: `Let ${it} run code, in its settings, or start Meshbook on another computer: \`meshbook up\`.`,
    }
  },
}

function doesNotRun(devices: readonly RouteDevice[]): Refusal {
  const phones = devices.every(({ kind }) => kind === 'phone')
  return {
    refuse: 'NO_DEVICE',
    detail: `${namesOf(devices)} does not run code.`,
    unblock: phones ? `Phones never do; ${elsewhere}.` : `Let it run code, in its settings, or ${elsewhere}.`,
  }
}

const takesRunsOf: Rule = {
  allows: ({ owner, policy }, { by, projectOwner }) =>
    by === undefined ||
    owner === undefined ||
    owner === by ||
    policy.runsOfOthers === 'allow' ||
    (policy.runsOfOthers === 'owned' && owner === projectOwner),
  blocked: devices => ({
    refuse: 'NO_DEVICE',
    detail: `${namesOf(devices)} takes no runs of other people in this project.`,
    unblock: 'Pair a computer of your own, or ask the owner of the device to let it take runs of others.',
  }),
}

const requirements: Rule = {
  allows: (device, { requires }) => offersAll(device, requires),
  blocked: (devices, { requires }) => {
    const unknown = unknownRequirements(requires)
    if (unknown.length > 0)
      return {
        refuse: 'NO_DEVICE',
        detail: `The notebook requires ${unknown.join(', ')}, which Meshbook does not know.`,
        unblock: `Change "requires" in the notebook: ${knownRequirements.join(' and ')} are known.`,
      }
    return {
      refuse: 'NO_DEVICE',
      detail: `The notebook requires ${requires.join(', ')}, which ${namesOf(devices)} cannot offer.`,
      unblock: `Start Meshbook on a machine that has it, or take it out of "requires" in the notebook.`,
    }
  },
}

const language: Rule = {
  allows: (device, request) =>
    device.runtimes.some(runtime => runtimeFor(runtime.language) === runtimeFor(request.language)),
  blocked: (devices, request) => ({
    refuse: 'KERNEL_MISSING',
    detail: `There is no kernel for ${request.language} on ${namesOf(devices)}.`,
    unblock: `Install it there, or ${isChosen(request) ? elsewhere : 'start Meshbook where it is'}.`,
  }),
}

const attached: Rule = {
  allows: device => device.attached,
  blocked: devices => ({
    wait: `The project is not on ${namesOf(devices)}.`,
    unblock: 'Attach it there: `meshbook attach`.',
  }),
}

/** In the order in which they are asked; what holds for a holder of the session too. */
export const rules: readonly Rule[] = [executes, takesRunsOf, requirements, language, attached]

/** Whether the owner of a device lets this user execute things of this project there, wherever runs may go just now. */
export function letsRun(device: RouteDevice, request: Pick<RouteRequest, 'by' | 'projectOwner'>): boolean {
  const asked = { language: '', requires: [], ...request }
  return executes.allows(device, asked) && takesRunsOf.allows(device, asked)
}

export function onBattery({ metrics }: RouteDevice): boolean {
  return metrics?.battery !== undefined && !metrics.battery.charging
}

export function isMetered({ metrics }: RouteDevice): boolean {
  return metrics?.metered === true
}

/** Asked of devices that are online: of others nobody knows how they are. */
export const power: Rule = {
  allows: device =>
    !(device.policy.battery === 'never' && onBattery(device)) &&
    !(device.policy.metered === 'never' && isMetered(device)),
  blocked: devices => {
    const name = namesOf(devices)
    const drained = devices.some(device => device.policy.battery === 'never' && onBattery(device))
    return drained
      ? {
          wait: `${name} runs on battery, and is set not to run code then.`,
          unblock: `Plug ${name} in, or choose another device.`,
        }
      : {
          wait: `${name} is on a metered network, and is set not to run code then.`,
          unblock: `Connect ${name} to another network, or choose another device.`,
        }
  },
}

/** What the first rule that none of these devices satisfies says; undefined when each rule leaves some. */
export function sieve(
  devices: readonly RouteDevice[],
  { request }: RouteInput,
): { left: readonly RouteDevice[]; blocked?: Outcome } {
  let left = devices
  for (const rule of rules) {
    const allowed = left.filter(device => rule.allows(device, request))
    if (allowed.length === 0) return { left: [], blocked: rule.blocked(left, request) }
    left = allowed
  }
  return { left }
}
