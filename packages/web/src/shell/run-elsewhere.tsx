/** Gives a run of the list to another device: one that waits is dropped first, then its code is asked for there (W55). */
import { hasEnded } from '@meshbook/core/run.ts'
import type { RunInfo } from '../state/known.ts'
import { deviceIcons } from './device-icons.ts'
import { availabilityOf, devicesFor, giveRun } from './give-run.ts'
import { Menu } from './menu.tsx'

export function RunElsewhere({ run }: { run: RunInfo }) {
  const able = devicesFor(run)
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
          hint: availabilityOf(device),
          run: () => void giveRun(run, device.id),
        }))
      }
    />
  )
}
