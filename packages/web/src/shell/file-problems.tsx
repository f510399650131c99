/** What devices say is wrong with the file that is shown: a conflict copy, an edit in the trash, a file that cannot be read. */
import type { Project } from '@meshbook/core/api.ts'
import type { DeviceProblem } from '@meshbook/core/messages.ts'
import { signal } from '@preact/signals'
import { notebookUrl } from '../state/location.ts'
import { documents, files, problemsAt } from '../state/mesh.ts'
import { Hint } from './hint.tsx'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'

/** Until the page is loaded again; the list of devices shows all. */
const dismissed = signal<ReadonlySet<string>>(new Set())
const mostShown = 3

export function FileProblems({ project, path }: { project: Project; path: string }) {
  const found = problemsAt(project.id, path)
    .map(it => ({ ...it, key: `${it.device} ${it.problem.text}` }))
    .filter(({ key }) => !dismissed.value.has(key))
  return (
    <>
      {found.slice(0, mostShown).map(({ device, problem, key }) => (
        <div key={key} class="banner warn" role="status">
          <Icon name="warning" />
          <span class="grow">
            <strong>On {device}:</strong> {problem.text}. <Hint text={problem.next} />
          </span>
          <CopyLink project={project} problem={problem} />
          <button
            type="button"
            class="icon-button"
            aria-label="Dismiss"
            onClick={() => {
              dismissed.value = new Set([...dismissed.value, key])
            }}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </>
  )
}

/** A copy that is no text stays on its device, and has no page. */
function CopyLink({ project, problem: { copy } }: { project: Project; problem: DeviceProblem }) {
  const listed = [...(files.value.get(project.id) ?? []), ...(documents.value.get(project.id) ?? [])]
  if (copy === undefined || !listed.some(({ path }) => path === copy)) return null
  return (
    <Link to={notebookUrl(project.name, copy)} class="button small">
      Open the copy
    </Link>
  )
}
