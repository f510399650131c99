/** The frame of the portal: where one can go, and the page that is shown. */
import { taskTitle } from '@meshbook/core/task-words.ts'
import { useEffect, useState } from 'preact/hooks'
import { GateCard } from '../gates/gate-card.tsx'
import { openGates } from '../gates/gate-store.ts'
import { question } from '../shell/ask.ts'
import { AtTheHub } from '../shell/at-the-hub.tsx'
import { Icon, type IconName } from '../shell/icons.tsx'
import { QuestionDialog } from '../shell/question-dialog.tsx'
import { ToastList } from '../shell/toast-list.tsx'
import { UnreachablePage } from '../shell/unreachable-page.tsx'
import { hub, me, signedIn } from '../state/mesh.ts'
import { rememberTasks, tasks } from '../tasks/known-tasks.ts'
import type { TaskPlaces } from '../tasks/task-places.ts'
import { TaskRows } from '../tasks/task-rows.tsx'
import { tasksApi } from '../tasks/tasks-api.ts'
import { titledRun } from '../workflows/run-title.ts'
import { lazyPart } from './lazy-part.tsx'
import { type PortalPage, taskAt } from './page-at.ts'
import { go, place, portalPageAt } from './place.ts'

const TaskView = lazyPart(() => import('../tasks/task-view.tsx').then(module => module.TaskView))
const NewTaskForm = lazyPart(() => import('../tasks/new-task.tsx').then(module => module.NewTaskForm))
const RunsPage = lazyPart(() => import('./runs-page.tsx').then(module => module.RunsPage))
const DevicesPage = lazyPart(() => import('./devices-page.tsx').then(module => module.DevicesPage))
const WorkflowRunsPage = lazyPart(() => import('../workflows/runs-page.tsx').then(module => module.WorkflowRunsPage))
const WorkflowRunPage = lazyPart(() => import('../workflows/run-page.tsx').then(module => module.WorkflowRunPage))
const TriggersPage = lazyPart(() => import('../workflows/triggers-page.tsx').then(module => module.TriggersPage))
const StartPage = lazyPart(() => import('../workflows/start-page.tsx').then(module => module.StartPage))

const KeysPage = lazyPart(() => import('./keys-page.tsx').then(module => module.KeysPage))
const UsagePage = lazyPart(() => import('./usage-page.tsx').then(module => module.UsagePage))
const OverviewPage = lazyPart(() => import('./overview-page.tsx').then(module => module.OverviewPage))
const GatesPage = lazyPart(() => import('./gates-page.tsx').then(module => module.GatesPage))
const MembersPage = lazyPart(() => import('./members-page.tsx').then(module => module.MembersPage))
const TokensPage = lazyPart(() => import('./tokens-page.tsx').then(module => module.TokensPage))
const AuditPage = lazyPart(() => import('./audit-page.tsx').then(module => module.AuditPage))
const HooksPage = lazyPart(() => import('./hooks-page.tsx').then(module => module.HooksPage))
const RetentionSection = lazyPart(() => import('./retention-section.tsx').then(module => module.RetentionSection))

const places: TaskPlaces = {
  list: '/portal/tasks',
  fresh: '/portal/tasks/new',
  one: taskAt,
  // The phone's app has a page for one run, which any browser can show.
  run: run => `/m/runs/${encodeURIComponent(run)}`,
  go,
}

export function App() {
  if (signedIn.value === 'no') return <SignIn />
  if (signedIn.value === 'unreachable') return <UnreachablePage />
  const at = portalPageAt(place.value)
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Bar at={at} />
      {hub.value === 'down' && (
        <p class="banner warn" role="status">
          The hub does not answer. This shows what was known last, and goes on by itself.
        </p>
      )}
      {signedIn.value === 'yes' && <Page key={place.value} at={at} />}
      {question.value && <QuestionDialog key={question.value.title} asked={question.value} />}
      <ToastList />
    </>
  )
}

function SignIn() {
  useEffect(() => location.replace(`/signin?to=${encodeURIComponent(location.pathname)}`), [])
  return <p role="status">Signing in…</p>
}

/** Those that no other app has. */
const own = {
  key: 'M9 9.2a3.2 3.2 0 1 0-2.2-2.2L2.3 11.5v2.2h2.4v-1.6h1.6v-1.6zM10.7 5.3h.01',
  steps: 'M2.2 2.6h4v3h-4zM9.8 6.5h4v3h-4zM2.2 10.4h4v3h-4zM6.2 4.1h1.6c.6 0 1 .4 1 1V7M6.2 11.9h1.6c.6 0 1-.4 1-1V9',
  chart: 'M2 13.5h12M4.5 13V9M8 13V3.5M11.5 13V6.5',
}
type LinkIcon = IconName | keyof typeof own
const isOwn = (name: LinkIcon): name is keyof typeof own => name in own

function NavIcon({ name }: { name: LinkIcon }) {
  if (!isOwn(name)) return <Icon name={name} size={14} />
  return (
    <svg class="icon" width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={own[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  )
}

const links: readonly { to: string; name: string; icon: LinkIcon; pages: readonly PortalPage['page'][] }[] = [
  { to: '/portal/tasks', name: 'Tasks', icon: 'bolt', pages: ['tasks', 'task', 'new-task'] },
  {
    to: '/portal/workflows',
    name: 'Workflows',
    icon: 'steps',
    pages: ['workflows', 'workflow', 'new-workflow'],
  },
  { to: '/portal/triggers', name: 'Triggers', icon: 'clock', pages: ['triggers'] },
  { to: '/portal/overview', name: 'Overview', icon: 'panel', pages: ['overview'] },
  { to: '/portal/runs', name: 'Runs', icon: 'play', pages: ['runs'] },
  { to: '/portal/gates', name: 'Decisions', icon: 'check', pages: ['gates'] },
  { to: '/portal/devices', name: 'Devices', icon: 'laptop', pages: ['devices'] },
  { to: '/portal/usage', name: 'Usage', icon: 'chart', pages: ['usage'] },
  { to: '/portal/members', name: 'Members', icon: 'user', pages: ['members'] },
  { to: '/portal/tokens', name: 'Tokens', icon: 'code', pages: ['tokens'] },
  { to: '/portal/keys', name: 'Keys', icon: 'key', pages: ['keys'] },
  { to: '/portal/hooks', name: 'Hooks', icon: 'fork', pages: ['hooks'] },
  { to: '/portal/audit', name: 'Audit', icon: 'list', pages: ['audit'] },
]

function Bar({ at }: { at: PortalPage }) {
  const [open, setOpen] = useState(false)
  useEffect(() => setOpen(false), [place.value])
  return (
    <header class="portal-bar">
      <a class="brand" href="/portal/tasks">
        Meshbook
      </a>
      <nav id="portal-links" aria-label="Main" class="portal-nav" data-open={open}>
        {links.map(({ to, name, icon, pages }) => (
          <a
            key={to}
            href={to}
            aria-current={pages.includes(at.page) ? 'page' : undefined}
            onClick={() => setOpen(false)}
          >
            <NavIcon name={icon} />
            {name}
            {name === 'Decisions' && <Waiting />}
          </a>
        ))}
      </nav>
      <a class="portal-notebooks" href="/">
        Notebooks
      </a>
      <button
        type="button"
        class="button portal-menu"
        aria-expanded={open}
        aria-controls="portal-links"
        onClick={() => setOpen(!open)}
      >
        <Icon name="list" size={14} />
        Menu
        {!open && <Waiting />}
      </button>
    </header>
  )
}

/** How many decisions wait. */
function Waiting() {
  const count = openGates.value.length
  if (count === 0) return null
  return (
    <span class="pill warn">
      {count}
      <span class="visually-hidden"> {count === 1 ? 'decision waits' : 'decisions wait'}</span>
    </span>
  )
}

const titles: Record<PortalPage['page'], string> = {
  tasks: 'Tasks',
  'new-task': 'New task',
  task: 'Task',
  workflows: 'Workflows',
  triggers: 'Triggers',
  workflow: 'Run of a workflow',
  'new-workflow': 'Run a workflow',
  overview: 'Overview',
  runs: 'Runs',
  devices: 'Devices',
  usage: 'Usage',
  keys: 'Keys',
  gates: 'Decisions',
  members: 'Members',
  tokens: 'API tokens',
  hooks: 'Hooks',
  audit: 'Audit log',
  unknown: 'Nothing here',
}

function titleAt(at: PortalPage): string {
  const prompt = at.page === 'task' ? tasks.value.get(at.task)?.prompt : undefined
  if (prompt !== undefined) return taskTitle(prompt)
  const run = titledRun.value
  return at.page === 'workflow' && run?.id === at.run ? run.name : titles[at.page]
}

function Page({ at }: { at: PortalPage }) {
  const title = titleAt(at)
  useEffect(() => {
    document.title = `${title} · Meshbook`
  }, [title])
  return (
    <main id="main" class="page portal-page" data-page={at.page} tabIndex={-1}>
      <div class="portal-head">
        <h1>{title}</h1>
        {at.page === 'tasks' && !me.value?.machine && (
          <a class="button primary" href={places.fresh}>
            <Icon name="plus" size={14} />
            New task
          </a>
        )}
        {at.page === 'workflows' && !me.value?.machine && (
          <a class="button primary" href="/portal/workflows/new">
            <Icon name="plus" size={14} />
            Run a workflow
          </a>
        )}
      </div>
      <Content at={at} />
    </main>
  )
}

/** What a device cannot do by itself. */
const atTheHub: Partial<Record<PortalPage['page'], string>> = {
  tasks: 'Tasks are given to agents',
  'new-task': 'Tasks are given to agents',
  task: 'Tasks are given to agents',
  workflows: 'Workflows of a hub run',
  triggers: 'Triggers of workflows are kept',
  workflow: 'Workflows of a hub run',
  'new-workflow': 'Workflows of a hub run',
  usage: 'What models cost is counted',
  keys: 'Keys are kept',
  hooks: 'Hooks are kept',
  overview: 'Runs and what they cost are counted',
  members: 'Members are looked after',
  tokens: 'Tokens are made',
  audit: 'What was done is noted',
}
const pathAtTheHub = ({ page }: PortalPage): string => {
  if (page === 'tasks' || page === 'new-task' || page === 'task') return '/portal/'
  return page === 'workflow' || page === 'new-workflow' ? '/portal/workflows' : `/portal/${page}`
}

function Content({ at }: { at: PortalPage }) {
  if (me.value?.machine && at.page in atTheHub) return <AtTheHub what={atTheHub[at.page]!} path={pathAtTheHub(at)} />
  switch (at.page) {
    case 'tasks':
      return (
        <>
          <TaskRows places={places} />
          <RetentionSection />
        </>
      )
    case 'new-task':
      return <NewTaskForm action="Give it" give={give} />
    case 'task':
      return <TaskView id={at.task} places={places} Gate={GateCard} hasColumns />
    case 'workflows':
      return <WorkflowRunsPage />
    case 'workflow':
      return <WorkflowRunPage id={at.run} />
    case 'triggers':
      return <TriggersPage />
    case 'new-workflow':
      return <StartPage />
    case 'runs':
      return <RunsPage />
    case 'devices':
      return <DevicesPage />
    case 'usage':
      return <UsagePage />
    case 'keys':
      return <KeysPage />
    case 'overview':
      return <OverviewPage />
    case 'gates':
      return <GatesPage />
    case 'members':
      return <MembersPage />
    case 'tokens':
      return <TokensPage />
    case 'audit':
      return <AuditPage />
    case 'hooks':
      return <HooksPage />
    default:
      return (
        <div class="empty">
          <p>The address may be mistyped, or the page has moved.</p>
          <a class="button" href={places.list}>
            All tasks
          </a>
        </div>
      )
  }
}

const give: Parameters<typeof NewTaskForm>[0]['give'] = async wanted => {
  const task = await tasksApi.give(wanted)
  rememberTasks([task])
  go(taskAt(task.id))
}
