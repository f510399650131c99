/** What is done about a device, for its card and for the palette alike. */
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { api } from '../api/client.ts'
import { loadRuns, type RunInfo, runs, sessions } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import { ask, confirmed } from './ask.ts'
import { type Held, lostByRevoking } from './device-words.ts'
import { titleOf } from './file-tree.ts'

export const isOwn = ({ owner }: DeviceInfo): boolean => owner === undefined

export function runsHeldBy(device: string): RunInfo[] {
  return [...runs.value.values()].filter(run => run.device === device && !hasEnded(run.status))
}

export async function rename(device: DeviceInfo): Promise<void> {
  const hint = 'A notebook whose front matter names this device (runs-on) must be changed too.'
  const name = await ask({ title: 'Rename device', label: 'Name', value: device.name, hint, action: 'Rename' })
  if (name && name !== device.name)
    await api.renameDevice(device.id, name).catch(thrown => report(thrown, 'The device was not renamed'))
}

export async function revoke(device: DeviceInfo): Promise<void> {
  try {
    await loadRuns()
  } catch (thrown) {
    // What would be lost is not known: nothing is asked that could be answered wrongly.
    return report(thrown, 'What this would lose could not be loaded')
  }
  const question = {
    title: `Revoke ${device.name}?`,
    text: 'This cannot be taken back. What happens:',
    points: lostByRevoking(device, heldBy(device.id)),
    action: 'Revoke',
    danger: true,
  }
  if (!(await confirmed(question))) return
  await api.revokeDevice(device.id).then(
    () => notify(`${device.name} is revoked`, 'Its connections are closed.'),
    thrown => report(thrown, 'The device was not revoked'),
  )
}

function heldBy(device: string): Held {
  const titles = runsHeldBy(device).map(({ path }) => (path ? titleOf(path) : 'a deleted document'))
  return { sessions: sessions.value.filter(session => session.device === device), runs: [...new Set(titles)] }
}
