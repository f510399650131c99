/** The frame of the phone's app: what is shown, and the tabs below it, where a thumb reaches them. */
import type { Project } from '@meshbook/core/api.ts'
import { hub, lists, recent } from './first-list.ts'
import { NotebooksPage } from './notebooks-page.tsx'
import { type PhonePage, pageAt, place, type Tab } from './place.ts'
import { ProjectPage } from './project-page.tsx'
import { late } from './shell/late.tsx'
import { SaidBar } from './shell/said-bar.tsx'
import { SignedOut } from './shell/signed-out.tsx'
import { StateBar } from './shell/state-bar.tsx'
import { TabBar } from './shell/tab-bar.tsx'

const nearDocuments = 12
const nearMs = 30_000
const notebookPage = () => import('./notebook/notebook-page.tsx')
const NotebookPage = late(() => notebookPage().then(module => module.NotebookPage))

/** What is likely to be pressed next is made ready while nothing else is to be done. */
export function makeReady(): void {
  const documents = recent.peek().slice(0, nearDocuments)
  notebookPage().then(
    module =>
      module.bringNear(
        documents.map(({ id }) => id),
        AbortSignal.timeout(nearMs),
      ),
    () => undefined,
  )
}

const RunsPage = late(() => import('./runs/runs-page.tsx').then(module => module.RunsPage))
const RunPage = late(() => import('./runs/run-page.tsx').then(module => module.RunPage))
const TasksPage = late(() => import('./tasks/tasks-page.tsx').then(module => module.TasksPage))
const NewTaskPage = late(() => import('./tasks/new-task-page.tsx').then(module => module.NewTaskPage))
const TaskPage = late(() => import('./tasks/task-page.tsx').then(module => module.TaskPage))
const InboxPage = late(() => import('./inbox/inbox-page.tsx').then(module => module.InboxPage))
const GatePage = late(() => import('./inbox/gate-page.tsx').then(module => module.GatePage))
const DevicesPage = late(() => import('./devices/devices-page.tsx').then(module => module.DevicesPage))
const SearchPage = late(() => import('./search/search-page.tsx').then(module => module.SearchPage))
const SharePage = late(() => import('./incoming/share-page.tsx').then(module => module.SharePage))
const PairPage = late(() => import('./pair/pair-page.tsx').then(module => module.PairPage))
const SettingsPage = late(() => import('./settings/settings-page.tsx').then(module => module.SettingsPage))

export function App() {
  const at = pageAt(place.value)
  if (hub.value === 'signed-out') return at.page === 'pair' ? <PairPage /> : <SignedOut />
  return (
    <>
      <StateBar />
      <Page key={place.value} at={at} />
      <SaidBar />
      <TabBar tab={tabOf(at)} />
    </>
  )
}

function Page({ at }: { at: PhonePage }) {
  if (at.page === 'runs') return <RunsPage />
  if (at.page === 'run') return <RunPage run={at.run} />
  if (at.page === 'tasks') return <TasksPage />
  if (at.page === 'new-task') return <NewTaskPage />
  if (at.page === 'task') return <TaskPage task={at.task} />
  if (at.page === 'inbox') return <InboxPage />
  if (at.page === 'gate') return <GatePage id={at.gate} />
  if (at.page === 'devices') return <DevicesPage />
  if (at.page === 'settings') return <SettingsPage />
  if (at.page === 'search') return <SearchPage />
  if (at.page === 'share') return <SharePage />
  if (at.page === 'pair') return <PairPage />
  if (at.page !== 'project' && at.page !== 'notebook') return <NotebooksPage />
  const project = projectNamed(at.project)
  if (!project) return <NotebooksPage />
  return at.page === 'project' ? <ProjectPage project={project} /> : <NotebookPage project={project} path={at.path} />
}

const projectNamed = (name: string): Project | undefined => lists.value?.projects.find(project => project.name === name)

function tabOf({ page }: PhonePage): Tab {
  if (page === 'run' || page.endsWith('task') || page === 'tasks') return 'runs'
  if (page === 'gate') return 'inbox'
  return page === 'inbox' || page === 'runs' || page === 'devices' || page === 'settings' ? page : 'notebooks'
}
