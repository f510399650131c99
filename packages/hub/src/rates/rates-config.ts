/** How many requests a minute are let through, from the settings; null where only its own machine reaches the hub (RQ15). */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export const pacedClasses = ['read', 'write', 'heavy', 'transfer'] as const
export type PacedClass = (typeof pacedClasses)[number]

/** Requests a minute. */
export interface RatesConfig {
  token: Readonly<Record<PacedClass, number>>
  org: Readonly<Record<PacedClass, number>>
  /** Of one address without a credential, of all classes together. */
  address: number
}

export const ratesSettings = {
  MESHBOOK_RATE_LIMITS: 'on or off: whether requests are counted (on where other machines reach the hub)',
  MESHBOOK_RATE_READS: `requests a minute that read, of one token and of one org (${limits.readsPerTokenMinute},${limits.readsPerOrgMinute})`,
  MESHBOOK_RATE_WRITES: `those that change something (${limits.writesPerTokenMinute},${limits.writesPerOrgMinute})`,
  MESHBOOK_RATE_HEAVY: `those that cost much, such as exports and new tasks (${limits.heavyRequestsPerTokenMinute},${limits.heavyRequestsPerOrgMinute})`,
  MESHBOOK_RATE_TRANSFERS: `those for files and parts of saved sessions (${limits.transfersPerTokenMinute},${limits.transfersPerOrgMinute})`,
  MESHBOOK_RATE_ADDRESS: `requests a minute of one address that show no credential (${limits.requestsPerAddressMinute})`,
} as const
type RatesSetting = keyof typeof ratesSettings

const numbered = [
  'MESHBOOK_RATE_READS',
  'MESHBOOK_RATE_WRITES',
  'MESHBOOK_RATE_HEAVY',
  'MESHBOOK_RATE_TRANSFERS',
  'MESHBOOK_RATE_ADDRESS',
] as const satisfies readonly RatesSetting[]

/** `isReached`: by other machines. */
export function parseRates(
  setting: (name: RatesSetting) => string | undefined,
  isReached: boolean,
): RatesConfig | null {
  const isAsked = isReached || numbered.some(name => setting(name) !== undefined)
  const pair = (name: RatesSetting, token: number, org: number): [number, number] =>
    parsePair(name, setting(name) ?? `${token},${org}`)
  const { readsPerTokenMinute, readsPerOrgMinute, writesPerTokenMinute, writesPerOrgMinute } = limits
  const { heavyRequestsPerTokenMinute, heavyRequestsPerOrgMinute } = limits
  const { transfersPerTokenMinute, transfersPerOrgMinute } = limits
  const read = pair('MESHBOOK_RATE_READS', readsPerTokenMinute, readsPerOrgMinute)
  const write = pair('MESHBOOK_RATE_WRITES', writesPerTokenMinute, writesPerOrgMinute)
  const heavy = pair('MESHBOOK_RATE_HEAVY', heavyRequestsPerTokenMinute, heavyRequestsPerOrgMinute)
  const transfer = pair('MESHBOOK_RATE_TRANSFERS', transfersPerTokenMinute, transfersPerOrgMinute)
  const address = parseCount(
    'MESHBOOK_RATE_ADDRESS',
    setting('MESHBOOK_RATE_ADDRESS') ?? String(limits.requestsPerAddressMinute),
  )
  if (!parseSwitch(setting('MESHBOOK_RATE_LIMITS'), isAsked)) return null
  const of = (i: 0 | 1) => ({ read: read[i], write: write[i], heavy: heavy[i], transfer: transfer[i] })
  return { token: of(0), org: of(1), address }
}

function parseSwitch(text: string | undefined, otherwise: boolean): boolean {
  if (text === undefined) return otherwise
  if (text === 'on' || text === 'off') return text === 'on'
  throw new MeshError('BAD_CONFIG', { detail: 'MESHBOOK_RATE_LIMITS: expected on or off' })
}

function parsePair(name: RatesSetting, text: string): [token: number, org: number] {
  const [token, org, ...more] = text.split(',')
  if (token === undefined || org === undefined || more.length > 0) throw bad(name, 'two numbers such as 600,1800')
  return [parseCount(name, token), parseCount(name, org)]
}

function parseCount(name: RatesSetting, text: string): number {
  const count = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= limits.requestsPerRateMinute) return count
  throw bad(name, `whole numbers from 1 to ${limits.requestsPerRateMinute}`)
}

function bad(name: RatesSetting, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${name}: expected ${expected}` })
}
