/** The first page: what was worked on last, every project's documents, and how the mesh is. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { ago } from '../notebook/duration.ts'
import { notebookUrl } from '../state/location.ts'
import { devices, documents, me, projects } from '../state/mesh.ts'
import { DeviceCard } from './device-card.tsx'
import { titleOf } from './file-tree.ts'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { PageHeader } from './page-header.tsx'
import { UnsentPill } from './unsent-pill.tsx'
import '../styles/pages.css'
import { withLater } from './later-when-needed.ts'

const isShown = (document: DocumentInfo): boolean => !document.path.startsWith('.meshbook/')

export function HomePage() {
  const list = projects.value
  const all = (list ?? []).flatMap(project =>
    (documents.value.get(project.id) ?? []).filter(isShown).map(document => ({ project, document })),
  )
  const recent = all.toSorted((a, b) => b.document.updatedAt - a.document.updatedAt)
  const loaded = list?.every(project => documents.value.has(project.id))
  return (
    <>
      <PageHeader title="Home">
        <button type="button" class="button primary" onClick={() => withLater(to => to.newDocument())}>
          <Icon name="plus" size={14} />
          New notebook
        </button>
      </PageHeader>
      <main id="main" class="page" tabIndex={-1}>
        <p class="greeting">
          {greeting(new Date().getHours())}
          {me.value ? `, ${me.value.user}` : ''}
        </p>
        <section aria-labelledby="documents-title">
          <h2 id="documents-title" class="section-title">
            Documents
          </h2>
          {loaded && all.length === 0 ? (
            <NoDocuments hasProject={(list ?? []).length > 0} />
          ) : (
            <DocumentList rows={recent} />
          )}
        </section>
        <section aria-labelledby="devices-title">
          <h2 id="devices-title" class="section-title">
            Devices
          </h2>
          {devices.value.length === 0 && (
            <p class="muted">
              No device yet. Type <code>meshbook up</code> on a machine to add it to your mesh.
            </p>
          )}
          <div class="cards">
            {devices.value.map(device => (
              <DeviceCard key={device.id} device={device} />
            ))}
          </div>
        </section>
      </main>
    </>
  )
}

function DocumentList({ rows }: { rows: { project: Project; document: DocumentInfo }[] }) {
  return (
    <ul class="document-list">
      {rows.map(({ project, document }) => (
        <li key={document.id}>
          <Link to={notebookUrl(project.name, document.path)} class="document-row">
            <Icon name="file" />
            <span class="document-title ellipsis">{titleOf(document.path)}</span>
            <span class="faint ellipsis grow">
              {project.name}/{document.path}
            </span>
            <UnsentPill document={document.id} />
            <time class="faint" dateTime={new Date(document.updatedAt).toISOString()}>
              {ago(document.updatedAt, Date.now())}
            </time>
          </Link>
        </li>
      ))}
    </ul>
  )
}

function NoDocuments({ hasProject }: { hasProject: boolean }) {
  return (
    <div class="empty boxed">
      <h3>Your first notebook</h3>
      <p>
        A notebook is a Markdown file. Text stays text; a fence with a language is code that runs on one of your
        machines, and its output is written below it. The file on your disk is the notebook, so any editor and git work
        with it.
      </p>
      <button
        type="button"
        class="button primary"
        onClick={() => withLater(to => (hasProject ? to.newDocument() : to.newProject()))}
      >
        <Icon name="plus" size={14} />
        {hasProject ? 'New notebook' : 'New project'}
      </button>
      <p class="faint">
        Or attach a folder that you have: <code>meshbook attach ~/notes</code>
      </p>
    </div>
  )
}

function greeting(hour: number): string {
  if (hour < 5) return 'Good night'
  return hour < 12 ? 'Good morning' : hour < 18 ? 'Good afternoon' : 'Good evening'
}
