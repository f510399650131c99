/** "Keep offline" of one notebook or project, with how far that is (PH14). */
import './keep.css'
import { hub } from '../first-list.ts'
import { tell } from '../said.ts'
import { here } from './here.ts'
import { fetching, isWaitingForWifi } from './keep-up.ts'
import { choice, keptDocuments, setKept } from './kept-choice.ts'

interface KeepToggleProps {
  kind: 'documents' | 'projects'
  id: string
  /** The project of a notebook: with it the notebook is kept too. */
  project?: string
  /** Of a project all of its notebooks. */
  documents: readonly string[]
}

export function KeepToggle({ kind, id, project, documents }: KeepToggleProps) {
  const isKept = choice.value[kind].includes(id)
  const withProject = project !== undefined && choice.value.projects.includes(project)
  const press = async () => {
    const isStored = await setKept(kind, id, !isKept)
    if (!isStored) tell('This could not be stored', 'It holds until the app is closed.')
  }
  return (
    <div class="keep">
      <button
        type="button"
        role="switch"
        class="keep-switch"
        aria-checked={isKept || withProject}
        disabled={withProject}
        onClick={() => void press()}
      >
        <span class="words-of">
          Keep offline
          <span class="about">{withProject ? 'With its project.' : isKept ? stateOf(documents) : aboutOf(kind)}</span>
        </span>
        <span class="knob" aria-hidden="true" />
      </button>
    </div>
  )
}

const aboutOf = (kind: KeepToggleProps['kind']): string =>
  kind === 'projects' ? 'All notebooks of it, new ones too, with their images.' : 'With its images, kept up to date.'

function stateOf(documents: readonly string[]): string {
  const wanted = documents.filter(id => keptDocuments.value.has(id))
  const missing = wanted.filter(id => !here.value.has(id)).length
  if (missing === 0) return 'All of it is on this phone.'
  if (isWaitingForWifi.value) return `${missing} not here yet: waiting for a connection that is not metered.`
  if (hub.value !== 'open') return `${missing} not here yet: they come when the hub answers.`
  return fetching.value === undefined ? `${missing} not here yet.` : `${missing} on the way.`
}
