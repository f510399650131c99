/** The frame of the window, and which page is in it. */

import { useEffect } from 'preact/hooks'
import { movesDialog } from './moves/moves-dialog-open.ts'
import { MovesDialog } from './moves/moves-when-needed.ts'
import { pairDialogOpen } from './pairing/pair-dialog-open.ts'
import { ConnectionAnnouncer } from './shell/connection-announcer.tsx'
import { policyDialogFor } from './shell/device-dialog-open.ts'
import { whenThere } from './shell/from-part.tsx'
import { handleGlobalKey } from './shell/global-keys.ts'
import { LaterParts } from './shell/later-parts.tsx'
import { later } from './shell/later-when-needed.ts'
import { lazyPage, lazyPart } from './shell/lazy-page.tsx'
import { membersOf } from './shell/members.ts'
import { PathPage } from './shell/path-page.tsx'
import { ProblemPage } from './shell/problem-page.tsx'
import { publishedAbout } from './shell/publish.tsx'
import { Sidebar } from './shell/sidebar.tsx'
import { StorageBanner } from './shell/storage-banner.tsx'
import { ToastList } from './shell/toast-list.tsx'
import { UnreachablePage } from './shell/unreachable-page.tsx'
import { drawerOpen } from './state/layout.ts'
import { here, type Route, routeOf } from './state/location.ts'
import { signedIn } from './state/mesh.ts'
import { offersPhone } from './state/phone-offer.ts'

const EvictedBanner = whenThere(later, part => part.EvictedBanner)
const AccountPage = lazyPage(() => import('./account/account-page.tsx').then(module => module.AccountPage))
const SignInPage = lazyPage(() => import('./account/signin-page.tsx').then(module => module.SignInPage))
const PairDialog = lazyPart(() => import('./pairing/pair-dialog.tsx').then(module => module.PairDialog))
const PairPage = lazyPage(() => import('./pairing/pair-page.tsx').then(module => module.PairPage))
const AuditPage = lazyPage(() => import('./shell/audit-page.tsx').then(module => module.AuditPage))
const DevicePolicyDialog = lazyPart(() =>
  import('./shell/device-policy-dialog.tsx').then(module => module.DevicePolicyDialog),
)
const DevicesPage = lazyPage(() => import('./shell/devices-page.tsx').then(module => module.DevicesPage))
const HomePage = lazyPage(() => import('./shell/home-page.tsx').then(module => module.HomePage))
const MembersDialog = lazyPart(() => import('./shell/members-dialog.tsx').then(module => module.MembersDialog))
const PublishDialog = lazyPart(() => import('./shell/publish-dialog.tsx').then(module => module.PublishDialog))
const PhoneOffer = lazyPart(() => import('./shell/phone-offer.tsx').then(module => module.PhoneOffer))
const RunsPage = lazyPage(() => import('./shell/runs-page.tsx').then(module => module.RunsPage))
const SessionsPage = lazyPage(() => import('./shell/sessions-page.tsx').then(module => module.SessionsPage))

export function App() {
  useEffect(() => {
    addEventListener('keydown', handleGlobalKey)
    return () => removeEventListener('keydown', handleGlobalKey)
  }, [])
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
          {offersPhone.value && <PhoneOffer />}
          <EvictedBanner />
          <Page route={route} />
        </div>
      </div>
      <LaterParts />
      {membersOf.value && <MembersDialog />}
      {publishedAbout.value && <PublishDialog />}
      {pairDialogOpen.value && <PairDialog />}
      {policyDialogFor.value && <DevicePolicyDialog />}
      {movesDialog.value && <MovesDialog />}
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
