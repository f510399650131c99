/** The first page: what was worked on last, and the projects. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../shell/needed-part.ts'
import { whenIdle } from '../shell/when-idle.ts'
import { hub, lists, recent } from './first-list.ts'
import { here } from './offline/here.ts'
import { notebookAt, projectAt } from './place.ts'
import { Go } from './shell/go.tsx'
import { Icon } from './shell/icons.tsx'
import { ago, titleOf } from './words.ts'

const recentRows = 12

export function NotebooksPage() {
  const known = lists.value
  return (
    <main class="page">
      <header class="head">
        <h1>Notebooks</h1>
        <Go to="/m/search" class="round" label="Search">
          <Icon name="search" />
        </Go>
      </header>
      {known === undefined ? hub.value === 'down' ? <NothingHere /> : <Waiting /> : <Known projects={known.projects} />}
    </main>
  )
}

function Known({ projects }: { projects: readonly Project[] }) {
  const byId = new Map(projects.map(project => [project.id as string, project]))
  const rows = recent.value.filter(({ project }) => byId.has(project)).slice(0, recentRows)
  return (
    <>
      {rows.length > 0 && (
        <section>
          <h2>Recent</h2>
          <ul class="rows">
            {rows.map(document => (
              <NotebookRow key={document.id} document={document} project={byId.get(document.project)!} />
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>Projects</h2>
        <ul class="rows">
          {projects.map(project => (
            <ProjectRow key={project.id} project={project} />
          ))}
        </ul>
      </section>
      <InstallSlot />
    </>
  )
}

const installCard = neededPart(() => import('./install/install-card.tsx').then(module => module.InstallCard))

/** Below everything, once there is nothing else to do. */
function InstallSlot() {
  useEffect(() => void whenIdle(() => void installCard.load().catch(() => undefined)), [])
  const Card = installCard.part.value
  return Card ? <Card /> : null
}

export function NotebookRow({ document, project }: { document: DocumentInfo; project: Project }) {
  const { path, updatedAt } = document
  return (
    <li>
      <Go to={notebookAt(project.name, path)} class="row">
        <span class="words">
          <span class="name">{titleOf(path)}</span>
          <span class="about">
            {project.name}
            {whereIs(document.id)}
          </span>
        </span>
        <time dateTime={new Date(updatedAt).toISOString()}>{ago(updatedAt, Date.now())}</time>
      </Go>
    </li>
  )
}

/** Whether it can be read without the hub (PH14); that it cannot is said while that matters. */
function whereIs(document: string): string {
  if (here.value.has(document)) return ' · on this phone'
  return hub.value === 'down' ? ' · not on this phone' : ''
}

function ProjectRow({ project }: { project: Project }) {
  const count = recent.value.filter(document => document.project === project.id).length
  return (
    <li>
      <Go to={projectAt(project.name)} class="row">
        <span class="words">
          <span class="name">{project.name}</span>
          {project.roles && <span class="about">shared by {project.owner}</span>}
        </span>
        <span class="count">{count}</span>
        <Icon name="chevron" size={18} />
      </Go>
    </li>
  )
}

/** As high as the rows that come, so that nothing jumps. */
function Waiting() {
  return (
    <div class="rows waiting" role="status" aria-label="Loading your notebooks">
      {[1, 2, 3, 4, 5].map(row => (
        <div key={row} class="row" />
      ))}
    </div>
  )
}

function NothingHere() {
  return (
    <div class="empty">
      <h2>Nothing is kept on this phone yet</h2>
      <p>Open a notebook once while the hub answers, and it is here from then on, also without a network.</p>
      <button type="button" class="button" onClick={() => location.reload()}>
        Try again
      </button>
    </div>
  )
}
