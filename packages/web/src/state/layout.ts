/** Which parts of the window are shown. */
import { signal } from '@preact/signals'

/** On narrow screens the sidebar is a drawer, closed at first. */
export const drawerOpen = signal(false)
export const sidebarShown = signal(true)
export const sidePanel = signal<'outline' | 'variables' | undefined>(undefined)

export function togglePanel(panel: 'outline' | 'variables'): void {
  sidePanel.value = sidePanel.value === panel ? undefined : panel
}

export function toggleSidebar(): void {
  if (matchMedia('(max-width: 860px)').matches) drawerOpen.value = !drawerOpen.value
  else sidebarShown.value = !sidebarShown.value
}
