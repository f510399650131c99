/** The notebooks of one project, by folder. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../shell/needed-part.ts'
import { recent } from './first-list.ts'
import { NotebookRow } from './notebooks-page.tsx'
import { back, projectAt } from './place.ts'
import { Icon } from './shell/icons.tsx'

export function ProjectPage({ project }: { project: Project }) {
  const folders = byFolder(recent.value.filter(document => document.project === project.id))
  return (
    <main class="page">
      <header class="head">
        <button type="button" class="round" aria-label="Back" onClick={() => back('/m/')}>
          <Icon name="back" />
        </button>
        <h1 class="title">{project.name}</h1>
        <button
          type="button"
          class="round"
          aria-label="Share a link to this project"
          onClick={() => shareLink(project)}
        >
          <Icon name="share" />
        </button>
      </header>
      <Keep id={project.id} documents={folders.flatMap(([, documents]) => documents.map(({ id }) => id))} />
      {folders.length === 0 && <p class="empty">There is no notebook in this project yet.</p>}
      {folders.map(([folder, documents]) => (
        <section key={folder}>
          {folder !== '' && <h2>{folder}</h2>}
          <ul class="rows">
            {documents.map(document => (
              <NotebookRow key={document.id} document={document} project={project} />
            ))}
          </ul>
        </section>
      ))}
    </main>
  )
}

function shareLink({ name }: Project): void {
  void import('./share.ts').then(({ share }) => share({ title: name, url: location.origin + projectAt(name) }))
}

const toggle = neededPart(() => import('./offline/keep-toggle.tsx').then(module => module.KeepToggle))

function Keep(props: { id: string; documents: readonly string[] }) {
  useEffect(() => void toggle.load().catch(() => undefined), [])
  const Toggle = toggle.part.value
  return Toggle ? <Toggle kind="projects" {...props} /> : <div class="keep-waits" />
}

function byFolder(documents: readonly DocumentInfo[]): [string, DocumentInfo[]][] {
  const found = new Map<string, DocumentInfo[]>()
  for (const document of documents.toSorted((a, b) => a.path.localeCompare(b.path))) {
    const folder = document.path.split('/').slice(0, -1).join('/')
    found.set(folder, [...(found.get(folder) ?? []), document])
  }
  return [...found].sort(([a], [b]) => a.localeCompare(b))
}
