/** The frame of the phone's app: what is shown, and the tabs below it, where a thumb reaches them. */
import { hub } from './first-list.ts'
import { NotebooksPage } from './notebooks-page.tsx'
import { pageAt, place, type Tab } from './place.ts'
import { SignedOut } from './shell/signed-out.tsx'
import { StateBar } from './shell/state-bar.tsx'
import { TabBar } from './shell/tab-bar.tsx'

export function App() {
  if (hub.value === 'signed-out') return <SignedOut />
  const at = pageAt(place.value)
  return (
    <>
      <StateBar />
      <NotebooksPage />
      <TabBar tab={at.page as Tab} />
    </>
  )
}
