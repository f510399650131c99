/**
 * What makes one device better than another (RT10–RT16), as data, the strongest first. Each rank looks at one device and
 * the request alone, so a device more or less cannot turn the order of two others.
 */
import { hasPackages } from '../environments.ts'
import { runtimeFor } from '../languages.ts'
import { limits } from '../limits.ts'
import { gpuImports, hasGpu } from './hardware.ts'
import type { RouteDevice, RouteRequest } from './input.ts'
import { isMetered, onBattery } from './rules.ts'
import { lasting, listed } from './words.ts'

interface Rank {
  /** The smaller number wins. */
  of: (device: RouteDevice, request: RouteRequest) => number
  /** What the winner has over those that lost, after its name. */
  advantage: string
  /** What a person should know of it, whoever won. */
  note?: (best: RouteDevice, request: RouteRequest) => string | undefined
}

const gpu: Rank = {
  of: (device, { language, imports = [] }) => Number(gpuImports(language, imports).length > 0 && !hasGpu(device)),
  advantage: 'has a GPU',
  note: (best, { language, imports = [] }) => {
    const wanting = gpuImports(language, imports)
    if (wanting.length === 0) return undefined
    return hasGpu(best)
      ? `The cell imports ${listed(wanting)}, which a GPU makes faster.`
      : `The cell imports ${listed(wanting)}, but no device that could take it has a GPU.`
  },
}

/** What a lock file asks for and this device has not; undefined where nothing is asked for, or it is there. */
function lacking({ environments = [] }: RouteDevice, { language }: RouteRequest): string | undefined {
  return environments.find(known => known.language === runtimeFor(language) && !hasPackages(known))?.file
}

const packages: Rank = {
  of: (device, request) => Number(lacking(device, request) !== undefined),
  advantage: "has the project's packages",
  note: (best, request) => {
    const file = lacking(best, request)
    return file && `${best.name} does not have the packages of ${file} yet.`
  },
}

const sameNetwork: Rank = {
  of: ({ networks = [] }, request) =>
    Number(request.networks !== undefined && !request.networks.some(name => networks.includes(name))),
  advantage: 'is on the network that you are on',
}

const isLong = ({ tookMs = 0 }: RouteRequest): boolean => tookMs > limits.longRunMs

const staysOn: Rank = {
  of: ({ policy }, request) => Number(isLong(request) && !policy.alwaysOn),
  advantage: 'is always on',
  note: ({ policy }, request) => {
    if (!isLong(request)) return undefined
    const took = `The cell took ${lasting(request.tookMs!)} before`
    return policy.alwaysOn
      ? `${took}, so a device that is always on is preferred.`
      : `${took}, but no device that is always on could take it.`
  },
}

const lowBattery = 0.2

function hardships(device: RouteDevice): string[] {
  const found: string[] = []
  if (onBattery(device) && device.metrics!.battery!.level < lowBattery) found.push('has little battery left')
  else if (onBattery(device) && device.policy.battery === 'avoid') found.push('runs on battery')
  if (isMetered(device) && device.policy.metered === 'avoid') found.push('is on a metered network')
  return found
}

const energy: Rank = {
  of: device => (onBattery(device) && device.metrics!.battery!.level < lowBattery ? 2 : 0) + hardships(device).length,
  advantage: 'is not held back by battery or a metered network',
  note: best => {
    const found = hardships(best)
    return found.length === 0 ? undefined : `${best.name} ${found.join(' and ')}; nothing better could take it.`
  },
}

const tightMemory = 0.1
const busyShares = [0.5, 0.9]

export const ranks: readonly Rank[] = [
  gpu,
  packages,
  sameNetwork,
  staysOn,
  energy,
  { of: device => device.busyRuns, advantage: 'is the least busy' },
  {
    of: ({ metrics }) => Number(metrics === null || metrics.memoryFreeBytes < metrics.memoryBytes * tightMemory),
    advantage: 'has enough free memory',
  },
  // Steps, so that what is nearly equal does not change places with every heartbeat, and cost has a say.
  {
    of: ({ metrics }) => busyShares.filter(share => (metrics?.cpu ?? 1) >= share).length,
    advantage: 'is the least loaded',
  },
  { of: ({ policy }) => policy.costPerHour, advantage: 'costs the least' },
]

/** The best of several, and why: what decided, then what a person should know of it. */
export function bestOf(
  devices: readonly RouteDevice[],
  request: RouteRequest,
): { best: RouteDevice; reasons: string[] } {
  let left = devices.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const advantages: string[] = []
  for (const { of, advantage } of ranks) {
    const least = Math.min(...left.map(device => of(device, request)))
    const winners = left.filter(device => of(device, request) === least)
    if (winners.length < left.length) advantages.push(advantage)
    left = winners
  }
  const best = left[0]!
  const notes = ranks.flatMap(({ note }) => note?.(best, request) ?? [])
  return { best, reasons: [chosenFrom(devices.length, best, advantages), ...notes] }
}

function chosenFrom(count: number, { name }: RouteDevice, advantages: readonly string[]): string {
  if (count === 1) return `${name} is the only online device that can run it.`
  const [first = 'comes first, for they are equal', ...others] = advantages
  const rest = others.map(advantage => `; among those left it ${advantage}`).join('')
  return `Of the ${count} devices that can run it, ${name} ${first}${rest}.`
}
