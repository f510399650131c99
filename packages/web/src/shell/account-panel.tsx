/** Who is signed in; the devices at a glance; where the shown notebook runs; the theme, keyboard help, sign out. */
import { RunOnChoices } from '../notebook/run-on.tsx'
import { shortcutsOpen } from '../state/commands.ts'
import { drawerOpen } from '../state/layout.ts'
import { navigate } from '../state/location.ts'
import { devices, me, signOut } from '../state/mesh.ts'
import { shownNotebook } from '../state/shown-notebook.ts'
import { setTheme, type Theme, theme } from '../state/theme.ts'
import { deviceIcons } from './device-icons.ts'
import { Icon, type IconName } from './icons.tsx'

const themes: readonly { theme: Theme; label: string; icon: IconName }[] = [
  { theme: 'system', label: 'As the system', icon: 'laptop' },
  { theme: 'light', label: 'Light', icon: 'sun' },
  { theme: 'dark', label: 'Dark', icon: 'moon' },
]
const mostDevices = 6

export function AccountPanel({ close }: { close: () => void }) {
  const { user = '', hub } = me.value ?? {}
  const notebook = shownNotebook.value
  const go = (to: string) => {
    close()
    drawerOpen.value = false
    navigate(to)
  }
  return (
    <div class="menu account-panel">
      <div class="menu-title">
        {user} on {hub?.name ?? 'Meshbook'} <span class="faint">{hub?.version}</span>
      </div>
      <Item icon="user" label="Account" run={() => go('/account')} />
      <hr />
      <div class="menu-title">Devices</div>
      {devices.value.slice(0, mostDevices).map(device => (
        <button key={device.id} type="button" class="menu-item" onClick={() => go('/devices')}>
          <Icon name={deviceIcons[device.kind]} />
          <span class={`dot ${device.status}`} />
          <span class="ellipsis">{device.name}</span>
          <span class="hint">{me.value?.device === device.id ? 'this device' : device.status}</span>
        </button>
      ))}
      <Item
        icon="list"
        label={devices.value.length === 0 ? 'Add a device' : 'All devices'}
        run={() => go('/devices')}
      />
      <Item icon="braces" label="Sessions" run={() => go('/sessions')} />
      {notebook && <RunOnChoices notebook={notebook} language={notebook.language.value} close={close} />}
      <hr />
      <div class="menu-title">Theme</div>
      {themes.map(({ theme: value, label, icon }) => (
        <Item
          key={value}
          icon={icon}
          label={label}
          isChosen={theme.value === value}
          run={() => {
            close()
            setTheme(value)
          }}
        />
      ))}
      <hr />
      <Item
        icon="keyboard"
        label="Keyboard shortcuts"
        hint="?"
        run={() => {
          close()
          shortcutsOpen.value = true
        }}
      />
      <Item icon="list" label="Audit log" run={() => go('/audit')} />
      <Item icon="exit" label="Sign out" run={() => void signOut()} />
    </div>
  )
}

interface ItemProps {
  icon: IconName
  label: string
  hint?: string
  isChosen?: boolean
  run: () => void
}

function Item({ icon, label, hint, isChosen, run }: ItemProps) {
  return (
    <button type="button" class="menu-item" aria-pressed={isChosen} onClick={run}>
      <Icon name={icon} />
      <span>{label}</span>
      {isChosen && <Icon name="check" class="chosen" />}
      {hint && <span class="hint">{hint}</span>}
    </button>
  )
}
