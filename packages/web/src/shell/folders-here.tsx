/** Which projects have a folder on the machine whose own page this is, and by which policy (LO10). */
import type { Here, ProjectsPolicy } from '@meshbook/core/api.ts'
import { useEffect, useState } from 'preact/hooks'
import { hereApi } from '../api/here.ts'
import { me, projects } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { Hint } from './hint.tsx'

const policies: Record<ProjectsPolicy, string> = {
  all: 'Every project gets one by itself',
  ask: 'Offer one, and make it when I say so',
  none: 'None by itself, and no offers',
}
/** While files come, their number is asked for so often. */
const lookMs = 1_000

export function FoldersHere() {
  return me.value?.machine ? <Folders machine={me.value.machine.name} /> : null
}

function Folders({ machine }: { machine: string }) {
  const [here, setHere] = useState<Here | undefined>(undefined)
  const load = () => void hereApi.here().then(setHere, thrown => report(thrown, 'The folders could not be loaded'))
  const act = (title: string, work: () => Promise<Here>) => void work().then(setHere, thrown => report(thrown, title))
  useEffect(load, [projects.value])
  const isFilling = here?.projects.some(({ progress }) => progress && progress.here < progress.documents) === true
  useEffect(() => {
    if (!isFilling) return
    const timer = setInterval(load, lookMs)
    return () => clearInterval(timer)
  }, [isFilling])
  if (!here) return null
  return (
    <section aria-labelledby="folders-title">
      <h2 id="folders-title" class="section-title">
        Folders on {machine}
      </h2>
      <label class="row">
        Projects without a folder here
        <select
          class="field"
          value={here.policy}
          onChange={({ currentTarget: { value } }) =>
            act('It was not set', () => hereApi.setProjectsPolicy(value as ProjectsPolicy))
          }
        >
          {Object.entries(policies).map(([policy, words]) => (
            <option key={policy} value={policy}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {here.projects.length === 0 && <p class="muted">There is no project yet.</p>}
      <ul class="member-list">
        {here.projects.map(project => (
          <Row key={project.id} project={project} act={act} />
        ))}
      </ul>
    </section>
  )
}

type Act = (title: string, work: () => Promise<Here>) => void

function Row({ project, act }: { project: Here['projects'][number]; act: Act }) {
  const { id, name, owner, shared, access, folder, state, problem, progress } = project
  const full = shared ? `${owner}/${name}` : name
  return (
    <li class="row">
      <span class="grow">
        <strong>{full}</strong> {access === 'read' && <span class="faint">you may only read</span>}
        <br />
        <span class="muted">
          {folder ?? (problem ? <Hint text={problem} /> : 'no folder here')}
          {progress && progress.here < progress.documents && ` · ${progress.here} of ${progress.documents} files`}
        </span>
      </span>
      {folder === null ? (
        <button
          type="button"
          class={`button small ${state === 'offered' ? 'primary' : ''}`}
          aria-label={`Make a folder for ${full}`}
          onClick={() => act('The folder was not made', () => hereApi.makeFolder(id))}
        >
          Make a folder
        </button>
      ) : (
        <button
          type="button"
          class="button small"
          aria-label={`Detach the folder of ${full}`}
          title="The files stay where they are"
          onClick={() => act('The folder was not detached', () => hereApi.detachFolder(id))}
        >
          Detach
        </button>
      )}
    </li>
  )
}
