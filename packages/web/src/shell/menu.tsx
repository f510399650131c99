/** A button with a list of actions. */
import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './icons.tsx'
import { Popover } from './popover.tsx'

export type MenuEntry =
  | {
      label: string
      icon?: IconName
      hint?: string
      danger?: boolean
      disabled?: boolean
      chosen?: boolean
      run: () => void
    }
  | { title: string }
  | 'line'

interface MenuProps {
  label: string
  wordy?: boolean
  class?: string
  title?: string
  button: ComponentChildren
  entries: () => readonly MenuEntry[]
}

export function Menu({ entries, ...rest }: MenuProps) {
  return (
    <Popover {...rest}>{close => <div class="menu">{entries().map(entry => menuEntry(entry, close))}</div>}</Popover>
  )
}

function menuEntry(entry: MenuEntry, close: () => void) {
  if (entry === 'line') return <hr />
  if ('title' in entry) return <div class="menu-title">{entry.title}</div>
  const { label, icon, hint, danger, disabled, chosen, run } = entry
  const select = () => {
    close()
    run()
  }
  return (
    <button
      type="button"
      class={`menu-item ${danger ? 'danger' : ''}`}
      disabled={disabled}
      aria-pressed={chosen}
      onClick={select}
    >
      {icon && <Icon name={icon} />}
      <span>{label}</span>
      {chosen && <Icon name="check" class="chosen" />}
      {hint && <span class="hint">{hint}</span>}
    </button>
  )
}
