/** What can be done on every page, for the command palette (W66): places, devices, sessions. */
import { effect, untracked } from '@preact/signals'
import { importCommand } from '../formats/format-actions.ts'
import { showPolicy, showStates } from '../moves/moves-dialog-open.ts'
import { withMoves } from '../moves/moves-when-needed.ts'
import { pairDialogOpen } from '../pairing/pair-dialog-open.ts'
import { type Command, registerCommands } from '../state/commands.ts'
import { navigate } from '../state/location.ts'
import { devices, sessions, signedIn } from '../state/mesh.ts'
import { setTheme } from '../state/theme.ts'
import { isOwn, rename, revoke } from './device-actions.ts'
import { policyDialogFor } from './device-dialog-open.ts'
import { sessionName } from './device-words.ts'
import type { IconName } from './icons.tsx'
import { interruptSession, restartSession } from './session-actions.ts'

const places: readonly (readonly [string, string, IconName])[] = [
  ['/', 'Home', 'file'],
  ['/runs', 'Runs', 'clock'],
  ['/sessions', 'Sessions', 'braces'],
  ['/devices', 'Devices', 'laptop'],
  ['/account', 'Account', 'user'],
  ['/audit', 'Audit log', 'list'],
]

/** Keeps them as the devices and sessions are. Returns what ends it. */
export function keepAppCommands(): () => void {
  return effect(() => {
    const list = signedIn.value === 'yes' ? [...goTo(), importCommand(), ...aboutDevices(), ...aboutSessions()] : []
    untracked(() => registerCommands('app', list))
  })
}

function goTo(): Command[] {
  const group = 'Go to'
  return [
    ...places.map(([to, title, icon]) => ({ id: `go${to}`, group, title, icon, run: () => navigate(to) })),
    ...(['system', 'light', 'dark'] as const).map(theme => ({
      id: `theme-${theme}`,
      group: 'Appearance',
      title: `Theme: ${theme === 'system' ? 'as the system' : theme}`,
      icon: theme === 'dark' ? ('moon' as const) : ('sun' as const),
      run: () => setTheme(theme),
    })),
  ]
}

function aboutDevices(): Command[] {
  const group = 'Devices'
  const pair: Command = {
    id: 'pair',
    group,
    title: 'Pair a device',
    icon: 'plus',
    run: () => {
      pairDialogOpen.value = true
    },
  }
  const each = devices.value.filter(isOwn).flatMap((device): Command[] => [
    {
      id: `use-${device.id}`,
      group,
      title: `What ${device.name} is used for`,
      icon: 'gear',
      run: () => {
        policyDialogFor.value = device.id
      },
    },
    {
      id: `rename-${device.id}`,
      group,
      title: `Rename ${device.name}`,
      icon: 'pencil',
      run: () => void rename(device),
    },
    { id: `revoke-${device.id}`, group, title: `Revoke ${device.name}`, icon: 'trash', run: () => void revoke(device) },
  ])
  return [pair, ...each]
}

function aboutSessions(): Command[] {
  const group = 'Sessions'
  return sessions.value
    .filter(({ device }) => device !== null)
    .flatMap((session): Command[] => [
      {
        id: `interrupt-${session.id}`,
        group,
        title: `Interrupt ${sessionName(session)}`,
        icon: 'stop',
        run: () => void interruptSession(session),
      },
      {
        id: `restart-${session.id}`,
        group,
        title: `Restart ${sessionName(session)}`,
        icon: 'restart',
        run: () => void restartSession(session),
      },
      {
        id: `move-${session.id}`,
        group,
        title: `Move ${sessionName(session)} to another device`,
        icon: 'laptop',
        run: () => withMoves(to => to.moveSession(session)),
      },
      {
        id: `fork-${session.id}`,
        group,
        title: `Fork ${sessionName(session)} with its variables`,
        icon: 'fork',
        run: () => withMoves(to => to.forkSession(session)),
      },
      {
        id: `save-${session.id}`,
        group,
        title: `Save the state of ${sessionName(session)}`,
        icon: 'bookmark',
        run: () => withMoves(to => to.saveSession(session)),
      },
      {
        id: `states-${session.id}`,
        group,
        title: `Saved states of ${sessionName(session)}`,
        icon: 'history',
        run: () => showStates(session),
      },
      {
        id: `lost-${session.id}`,
        group,
        title: `When the device of ${sessionName(session)} is lost`,
        icon: 'gear',
        run: () => showPolicy(session),
      },
    ])
}
