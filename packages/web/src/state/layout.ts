/** Which parts of the window are shown. */
import { signal } from '@preact/signals'

/** On narrow screens the sidebar is a drawer, closed at first. */
export const drawerOpen = signal(false)
export const sidebarShown = signal(true)
export type SidePanel = 'outline' | 'variables' | 'history'
export const sidePanel = signal<SidePanel | undefined>(undefined)

export function togglePanel(panel: SidePanel): void {
  sidePanel.value = sidePanel.value === panel ? undefined : panel
}

export function togglePanelOn(panel: SidePanel): void {
  sidePanel.value = panel
}

export function toggleSidebar(): void {
  if (matchMedia('(max-width: 860px)').matches) drawerOpen.value = !drawerOpen.value
  else sidebarShown.value = !sidebarShown.value
}
