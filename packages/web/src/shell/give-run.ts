/** Giving a run to another device: one that waits is dropped first, then its code is asked for there (W55). */
import { runtimeFor } from '@meshbook/core/languages.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { api } from '../api/client.ts'
import { devices, type RunInfo, rememberRun } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { confirmed } from './ask.ts'

/** Devices that can run its language at all. */
export function devicesFor({ language }: Pick<RunInfo, 'language'>): DeviceInfo[] {
  const runtime = runtimeFor(language)
  return devices.value.filter(
    ({ policy, runtimes }) => policy.executes && runtimes.some(({ language }) => runtimeFor(language) === runtime),
  )
}

export const availabilityOf = ({ status }: Pick<DeviceInfo, 'status'>): string =>
  status === 'online' ? 'online' : 'waits for it'

/** The new run; undefined where there is none. */
export async function giveRun(run: RunInfo, device: string): Promise<RunInfo | undefined> {
  const text = 'It was interrupted: what it did outside may happen twice.'
  if (run.status === 'interrupted' && !(await confirmed({ title: 'Run it again?', text, action: 'Run it again' })))
    return undefined
  try {
    if (!hasEnded(run.status)) await api.cancelRun(run.id, 'given to another device')
    const made = await api.runAgain(run.id, device)
    rememberRun(made)
    return made
  } catch (thrown) {
    report(thrown, 'The run was not given to another device')
    return undefined
  }
}
