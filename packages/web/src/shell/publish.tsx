/** Whether everybody may read a document: said in its bar, and opened as a dialog (publish-dialog.tsx, which loads when it is). */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { documents } from '../state/mesh.ts'
import { loadPublications, publications } from '../state/publications.ts'
import { report } from '../state/toasts.ts'
import { Icon } from './icons.tsx'

/** The document that the dialog of publishing is open for. */
export const publishedAbout = signal<{ project: Project; document: DocumentInfo } | undefined>(undefined)

export function showPublish(project: Project, document: DocumentInfo): void {
  publishedAbout.value = { project, document }
}

/** In the bar above a notebook that everybody may read. */
export function PublishedBadge({ project, document }: { project: Project; document: DocumentInfo }) {
  const list = documents.value.get(project.id)
  useEffect(() => {
    loadPublications(project.id).catch(thrown => report(thrown, 'What is published could not be loaded'))
  }, [project.id, list])
  const publication = publications.value.get(document.id)
  if (!publication) return null
  const pinned = publication.version === null ? '' : ` · v${publication.version}`
  return (
    <button
      type="button"
      class="pill accent published only-wide"
      title={`Everybody may read it at ${publication.url}`}
      onClick={() => showPublish(project, document)}
    >
      <Icon name="eye" size={13} /> Published{pinned}
    </button>
  )
}
