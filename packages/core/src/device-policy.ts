/** What the owner of a device lets it be used for. The hub keeps what was set; everything else is as its kind has it. */
import * as v from 'valibot'

/** `avoid`: only where nothing better can run it. `never`: nothing begins there while it is so. */
export const powerRules = ['allow', 'avoid', 'never'] as const

export const devicePolicySchema = v.object({
  /** Whether it runs code at all. A phone never does. */
  executes: v.boolean(),
  battery: v.picklist(powerRules),
  metered: v.picklist(powerRules),
  /** It does not go to sleep, so long work is safe there. */
  alwaysOn: v.boolean(),
  /** In whatever currency the owner thinks in; only compared. */
  costPerHour: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1_000_000)),
  /** `owned`: runs of other people in projects of the device's owner, who let them run there. */
  runsOfOthers: v.picklist(['allow', 'owned', 'never']),
  /** `automatic`: packages that a lock file asks for are installed as soon as it is there; `ask`: when somebody says so. */
  environments: v.picklist(['ask', 'automatic']),
  /** A session that nobody used for so long gives its memory back; 0: never. */
  idleMinutes: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(366 * 24 * 60)),
  /** What the processes of one session may take together; 0: most of what the machine has. */
  memoryBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** How long one run may go on; 0: as long as it takes. */
  runMinutes: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(366 * 24 * 60)),
})
/** What its kernel hosts keep to, whatever a notebook says. */
export const kernelPolicySchema = v.pick(devicePolicySchema, ['idleMinutes', 'memoryBytes', 'runMinutes'])
export type KernelPolicy = v.InferOutput<typeof kernelPolicySchema>

export function kernelPolicyOf({ idleMinutes, memoryBytes, runMinutes }: DevicePolicy): KernelPolicy {
  return { idleMinutes, memoryBytes, runMinutes }
}
export type DevicePolicy = v.InferOutput<typeof devicePolicySchema>

/** The fields to change; what is not named stays as it is. */
export const policyChangeSchema = v.partial(devicePolicySchema)
export type PolicyChange = v.InferOutput<typeof policyChangeSchema>

export function policyOf(kind: 'desktop' | 'phone' | 'server' | 'worker', set: PolicyChange): DevicePolicy {
  const usual: DevicePolicy = {
    executes: true,
    battery: 'avoid',
    metered: 'avoid',
    alwaysOn: kind === 'server',
    costPerHour: 0,
    runsOfOthers: 'owned',
    environments: 'ask',
    idleMinutes: 0,
    memoryBytes: 0,
    runMinutes: 0,
  }
  const changes = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined))
  return { ...usual, ...(changes as Partial<DevicePolicy>), ...(kind === 'phone' && { executes: false }) }
}
