/**
 * What the owner of the device lets sessions take, as kernel hosts read it: a file beside their folders, so that it
 * holds for hosts that no daemon looks after, too. Where it comes from is the daemon's business.
 */
import { dirname, join } from 'node:path'
import { type KernelPolicy, kernelPolicySchema } from '@meshbook/core/device-policy.ts'
import * as v from 'valibot'
import { readJson, writeJson } from './files.ts'

const unlimited: KernelPolicy = { idleMinutes: 0, memoryBytes: 0, runMinutes: 0 }
const pathIn = (sessions: string): string => join(sessions, 'policy.json')

/** Of the folder of one session. */
export async function readPolicy(session: string): Promise<KernelPolicy> {
  const parsed = v.safeParse(kernelPolicySchema, await readJson(pathIn(dirname(session))))
  return parsed.success ? parsed.output : unlimited
}

/** Of the folder of all sessions. */
export function writePolicy(sessions: string, policy: KernelPolicy): Promise<void> {
  return writeJson(pathIn(sessions), v.parse(kernelPolicySchema, policy))
}
