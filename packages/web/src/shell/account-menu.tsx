/** Who is signed in, the theme, the keyboard help, sign out. */
import { shortcutsOpen } from '../state/commands.ts'
import { drawerOpen } from '../state/layout.ts'
import { navigate } from '../state/location.ts'
import { me, signOut } from '../state/mesh.ts'
import { setTheme, type Theme, theme } from '../state/theme.ts'
import { Icon, type IconName } from './icons.tsx'
import { Menu } from './menu.tsx'

const themes: readonly { theme: Theme; label: string; icon: IconName }[] = [
  { theme: 'system', label: 'As the system', icon: 'laptop' },
  { theme: 'light', label: 'Light', icon: 'sun' },
  { theme: 'dark', label: 'Dark', icon: 'moon' },
]

export function AccountMenu() {
  const user = me.value?.user ?? ''
  return (
    <Menu
      label="Account and settings"
      title="Account and settings"
      wordy
      class="side-row"
      button={
        <>
          <span class="avatar" aria-hidden="true">
            {user.slice(0, 1).toUpperCase()}
          </span>
          <span class="grow ellipsis">{user}</span>
          <Icon name="more" />
        </>
      }
      entries={() => [
        { title: `${me.value?.hub.name ?? 'Meshbook'} ${me.value?.hub.version ?? ''}` },
        {
          label: 'Account',
          icon: 'user',
          run: () => {
            drawerOpen.value = false
            navigate('/account')
          },
        },
        'line',
        { title: 'Theme' },
        ...themes.map(({ theme: value, label, icon }) => ({
          label,
          icon,
          chosen: theme.value === value,
          run: () => setTheme(value),
        })),
        'line',
        {
          label: 'Keyboard shortcuts',
          icon: 'keyboard',
          hint: '?',
          run: () => {
            shortcutsOpen.value = true
          },
        },
        { label: 'Audit log', icon: 'list', run: () => navigate('/audit') },
        { label: 'Sign out', icon: 'exit', run: () => void signOut() },
      ]}
    />
  )
}
