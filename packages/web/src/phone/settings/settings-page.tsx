/** Settings: who is signed in, what one is told and how, how it looks, what is kept here. */
import '../styles/pages.css'
import '../styles/settings.css'
import { me } from '../../state/known.ts'
import { InstallSection } from '../install/install-card.tsx'
import { OfflineSection } from '../offline/offline-section.tsx'
import { Asked } from '../shell/asked.tsx'
import { PageHead } from '../shell/page-head.tsx'
import { AccountSection } from './account-section.tsx'
import { NotifySection } from './notify-section.tsx'
import { ThemeSection } from './theme-section.tsx'

export function SettingsPage() {
  return (
    <main class="page">
      <PageHead title="Settings" />
      {/* The page of a device has no account, and nobody is told by it. */}
      {!me.value?.machine && <NotifySection />}
      <InstallSection />
      <ThemeSection />
      <OfflineSection />
      <AccountSection />
      <Asked />
    </main>
  )
}
