/** The five places of the app, in reach of a thumb. */
import type { Tab } from '../place.ts'
import { waitingCount } from '../waiting-count.ts'
import { Go } from './go.tsx'
import { Icon, type IconName } from './icons.tsx'

const tabs: readonly { tab: Tab; to: string; icon: IconName; name: string }[] = [
  { tab: 'notebooks', to: '/m/', icon: 'notebooks', name: 'Notebooks' },
  { tab: 'inbox', to: '/m/inbox', icon: 'inbox', name: 'Inbox' },
  { tab: 'runs', to: '/m/runs', icon: 'runs', name: 'Runs' },
  { tab: 'devices', to: '/m/devices', icon: 'devices', name: 'Devices' },
  { tab: 'settings', to: '/m/settings', icon: 'settings', name: 'Settings' },
]

export function TabBar({ tab: current }: { tab: Tab }) {
  return (
    <nav class="tabs" aria-label="Main">
      {tabs.map(({ tab, to, icon, name }) => (
        <Go key={tab} to={to} class="tab" current={tab === current}>
          <Icon name={icon} />
          {name}
          {tab === 'inbox' && <Count />}
        </Go>
      ))}
    </nav>
  )
}

function Count() {
  const count = waitingCount.value
  if (!count) return null
  return (
    <span class="tab-count">
      {count > 99 ? '99+' : count}
      <span class="visually-hidden"> waiting</span>
    </span>
  )
}
