/** The frame of the window, and which page is in it. */

import { useEffect } from 'preact/hooks'
import { AccountPage } from './account/account-page.tsx'
import { SignInPage } from './account/signin-page.tsx'
import { keepFileDrops } from './formats/format-actions.ts'
import { PairDialog } from './pairing/pair-dialog.tsx'
import { PairPage } from './pairing/pair-page.tsx'
import { keepAppCommands } from './shell/app-commands.ts'
import { AuditPage } from './shell/audit-page.tsx'
import { ConnectionAnnouncer } from './shell/connection-announcer.tsx'
import { DevicePolicyDialog } from './shell/device-policy-dialog.tsx'
import { DevicesPage } from './shell/devices-page.tsx'
import { Dialogs } from './shell/dialogs.tsx'
import { EvictedBanner } from './shell/evicted-banner.tsx'
import { handleGlobalKey } from './shell/global-keys.ts'
import { HomePage } from './shell/home-page.tsx'
import { MembersDialog } from './shell/members-dialog.tsx'
import { Palette } from './shell/palette.tsx'
import { PathPage } from './shell/path-page.tsx'
import { ProblemPage } from './shell/problem-page.tsx'
import { PublishDialog } from './shell/publish-dialog.tsx'
import { RunsPage } from './shell/runs-page.tsx'
import { SessionsPage } from './shell/sessions-page.tsx'
import { ShortcutsDialog } from './shell/shortcuts-dialog.tsx'
import { Sidebar } from './shell/sidebar.tsx'
import { StorageBanner } from './shell/storage-banner.tsx'
import { ToastList } from './shell/toast-list.tsx'
import { UnreachablePage } from './shell/unreachable-page.tsx'
import { drawerOpen } from './state/layout.ts'
import { here, type Route, routeOf } from './state/location.ts'
import { signedIn } from './state/mesh.ts'

export function App() {
  useEffect(() => {
    addEventListener('keydown', handleGlobalKey)
    return () => removeEventListener('keydown', handleGlobalKey)
  }, [])
  useEffect(keepAppCommands, [])
  useEffect(keepFileDrops, [])
  const route = routeOf(here.value)
  if (route.page === 'pair') return <PairPage />
  if (route.page === 'signin' || signedIn.value === 'no') return <SignInPage />
  if (signedIn.value === 'unreachable') return <UnreachablePage />
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <div class="frame">
        <Sidebar />
        {drawerOpen.value && (
          <button
            type="button"
            aria-label="Close the sidebar"
            class="shade"
            onClick={() => {
              drawerOpen.value = false
            }}
          />
        )}
        <div class="stage">
          <StorageBanner />
          <EvictedBanner />
          <Page route={route} />
        </div>
      </div>
      <Palette />
      <ShortcutsDialog />
      <MembersDialog />
      <PublishDialog />
      <Dialogs />
      <PairDialog />
      <DevicePolicyDialog />
      <ConnectionAnnouncer />
      <ToastList />
    </>
  )
}

function Page({ route }: { route: Route }) {
  if (signedIn.value === 'unknown') return null
  switch (route.page) {
    case 'home':
      return <HomePage />
    case 'runs':
      return <RunsPage />
    case 'sessions':
      return <SessionsPage />
    case 'devices':
      return <DevicesPage />
    case 'audit':
      return <AuditPage />
    case 'account':
      return <AccountPage />
    case 'notebook':
      return <PathPage project={route.project} path={route.path} />
    default:
      return <ProblemPage title="There is nothing here" text="The address may be mistyped, or the page has moved." />
  }
}
