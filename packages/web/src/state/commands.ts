/** Actions by name, for the command palette, the list of shortcuts and the keyboard. Pages register theirs. */
import { computed, signal } from '@preact/signals'
import type { IconName } from '../shell/icons.tsx'

export interface Command {
  id: string
  title: string
  group: string
  icon?: IconName
  /** As shown, for example `Shift Enter`. */
  keys?: string
  run(): void
}

const groups = signal<ReadonlyMap<string, readonly Command[]>>(new Map())
export const commands = computed(() => [...groups.value.values()].flat())

/** Adds a page's commands; the returned function takes them away. */
export function registerCommands(owner: string, list: readonly Command[]): () => void {
  groups.value = new Map(groups.value).set(owner, list)
  return () => {
    const next = new Map(groups.value)
    next.delete(owner)
    groups.value = next
  }
}

/** What is typed into the palette, also before it is drawn. */
export const paletteText = signal('')
export const paletteOpen = signal(false)
export const shortcutsOpen = signal(false)

const mac = /Mac|iPhone|iPad/.test(navigator.platform)
export const modKey = mac ? '⌘' : 'Ctrl'
const arrows = { ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc' }
const symbols: Record<string, string> = mac
  ? { Mod: '⌘', Ctrl: '⌃', Shift: '⇧', Alt: '⌥', Enter: '↵', ...arrows }
  : { Mod: 'Ctrl', Enter: '↵', ...arrows }
export const keyCaps = (keys: string): string[] => keys.split(' ').map(key => symbols[key] ?? key)
