/** Gives a run of the list to another device: one that waits is dropped first, then its code is asked for there (W55). */
import { runtimeFor } from '@meshbook/core/languages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { api } from '../api/client.ts'
import { devices, type RunInfo, rememberRun } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { confirmed } from './ask.ts'
import { deviceIcons } from './device-icons.ts'
import { Menu } from './menu.tsx'

export function RunElsewhere({ run }: { run: RunInfo }) {
  const runtime = runtimeFor(run.language)
  const able = devices.value.filter(
    ({ policy, runtimes }) => policy.executes && runtimes.some(({ language }) => runtimeFor(language) === runtime),
  )
  if (able.length === 0) return null
  return (
    <Menu
      label={hasEnded(run.status) ? 'Run again on a device' : 'Run on another device'}
      wordy
      class="button small"
      button={hasEnded(run.status) ? 'Run again on…' : 'Run on…'}
      entries={() =>
        able.map(device => ({
          label: device.name,
          icon: deviceIcons[device.kind],
          hint: device.status === 'online' ? 'online' : 'waits for it',
          run: () => void give(run, device.id),
        }))
      }
    />
  )
}

async function give(run: RunInfo, device: string): Promise<void> {
  const text = 'It was interrupted: what it did outside may happen twice.'
  if (run.status === 'interrupted' && !(await confirmed({ title: 'Run it again?', text, action: 'Run it again' })))
    return
  try {
    if (!hasEnded(run.status)) await api.cancelRun(run.id, 'given to another device')
    rememberRun(await api.runAgain(run.id, device))
  } catch (thrown) {
    report(thrown, 'The run was not given to another device')
  }
}
