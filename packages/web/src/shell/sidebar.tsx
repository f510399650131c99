/** The left column: projects with their files, places, devices at a glance, and the account. */

import type { ComponentChildren } from 'preact'
import { modKey, paletteOpen } from '../state/commands.ts'
import { drawerOpen, sidebarShown } from '../state/layout.ts'
import { here, routeOf } from '../state/location.ts'
import { devices, hub, projects, sessions } from '../state/mesh.ts'
import { AccountMenu } from './account-menu.tsx'
import { Icon, type IconName } from './icons.tsx'
import { withLater } from './later-when-needed.ts'
import { Link } from './link.tsx'
import { ProjectFiles } from './project-files.tsx'

const closeDrawer = () => {
  drawerOpen.value = false
}

export function Sidebar() {
  const list = projects.value
  return (
    <nav class="sidebar" aria-label="Projects" data-open={drawerOpen.value} data-shown={sidebarShown.value}>
      <div class="sidebar-top">
        <Link to="/" class="brand" onFollow={closeDrawer}>
          <img src="/favicon.svg" width={22} height={22} alt="" />
          Meshbook
        </Link>
        <button type="button" class="icon-button only-narrow" aria-label="Close the sidebar" onClick={closeDrawer}>
          <Icon name="close" />
        </button>
      </div>
      <button
        type="button"
        class="search-box"
        onClick={() => {
          closeDrawer()
          paletteOpen.value = true
        }}
      >
        <Icon name="search" />
        <span class="grow">Search</span>
        <kbd>{modKey} K</kbd>
      </button>
      <button
        type="button"
        class="side-row new-notebook"
        onClick={() => {
          closeDrawer()
          withLater(to => to.newDocument())
        }}
      >
        <Icon name="plus" />
        New notebook
      </button>
      <div class="sidebar-scroll">
        {list === undefined ? (
          <FilesSkeleton />
        ) : (
          list.map(project => <ProjectFiles key={project.id} project={project} />)
        )}
        {list !== undefined && (
          <button type="button" class="side-row faint" onClick={() => withLater(to => to.newProject())}>
            <Icon name="plus" />
            New project
          </button>
        )}
      </div>
      <div class="sidebar-foot">
        <a href="/portal/" class="side-row">
          <Icon name="cloud" />
          <span class="grow">Tasks</span>
        </a>
        <Place to="/runs" icon="clock" name="Runs" />
        <Place to="/sessions" icon="braces" name="Sessions" note={sessionNote()} />
        <Place to="/devices" icon="laptop" name="Devices" note={deviceNote()} />
        <AccountMenu />
      </div>
    </nav>
  )
}

function Place({ to, icon, name, note }: { to: string; icon: IconName; name: string; note?: ComponentChildren }) {
  return (
    <Link to={to} class="side-row" current={routeOf(here.value).page === to.slice(1)} onFollow={closeDrawer}>
      <Icon name={icon} />
      <span class="grow">{name}</span>
      {note}
    </Link>
  )
}

function sessionNote() {
  const live = sessions.value.filter(({ device }) => device !== null).length
  return live > 0 && <span class="pill">{live} live</span>
}

function deviceNote() {
  const online = devices.value.filter(device => device.status === 'online').length
  if (hub.value === 'down') return <span class="pill warn">Hub offline</span>
  const problems = devices.value.reduce((sum, { problems: it }) => sum + (it ? it.items.length + it.more : 0), 0)
  if (problems > 0)
    return (
      <span class="pill warn">
        <Icon name="warning" size={12} />
        {problems} {problems === 1 ? 'problem' : 'problems'}
      </span>
    )
  return (
    <span class="pill">
      <span class={`dot ${online > 0 ? 'online' : ''}`} />
      {online} online
    </span>
  )
}

function FilesSkeleton() {
  return (
    <div class="skeleton" aria-hidden="true">
      {[70, 54, 62, 48].map(width => (
        <span key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  )
}
