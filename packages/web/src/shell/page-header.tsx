/** The bar above a page that is not a notebook. */
import type { ComponentChildren } from 'preact'
import { toggleSidebar } from '../state/layout.ts'
import { AccountButton } from './account-menu.tsx'
import { Icon } from './icons.tsx'

export function PageHeader({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <header class="topbar">
      <button type="button" class="icon-button" aria-label="Show or hide the sidebar" onClick={toggleSidebar}>
        <Icon name="sidebar" />
      </button>
      {title && <h1 class="crumbs">{title}</h1>}
      <div class="grow" />
      {children}
      <AccountButton />
    </header>
  )
}
