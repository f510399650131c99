/** What is told otherwise for one project. */
import { type NotifySettings, noticeKinds } from '@meshbook/core/notify-api.ts'
import { isTold, withoutProject, withProject } from '../../notify/project-kinds.ts'
import { noticeWords } from '../../notify/way-words.ts'
import { projects } from '../../state/known.ts'
import { change } from './change.ts'
import { SecondsField } from './seconds-field.tsx'
import { Switch } from './switch.tsx'

type OneProject = NotifySettings['projects'][number]

export function ProjectNotices({ settings }: { settings: NotifySettings }) {
  const known = projects.value ?? []
  const own = new Set<string>(settings.projects.map(({ project }) => project))
  const others = known.filter(({ id }) => !own.has(id))
  return (
    <section>
      <h2>Projects that are told otherwise</h2>
      <div class="rows">
        {known.flatMap(({ id, name }) => {
          const project = settings.projects.find(one => one.project === id)
          return project ? [<Own key={id} name={name} project={project} settings={settings} />] : []
        })}
        {others.length > 0 && (
          <label class="row">
            <span class="words">Set one</span>
            <select
              class="field"
              value=""
              onChange={event => {
                const chosen = others.find(({ id }) => id === event.currentTarget.value)
                if (chosen) change(now => withProject(now, chosen.id, {}))
              }}
            >
              <option value="">Choose a project</option>
              {others.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
    </section>
  )
}

function Own({ name, project, settings }: { name: string; project: OneProject; settings: NotifySettings }) {
  const { project: id } = project
  return (
    <details class="fold">
      <summary class="row">{name}</summary>
      {noticeKinds.map(kind => (
        <Switch
          key={kind}
          label={noticeWords[kind]}
          on={isTold(kind, settings, project)}
          set={on => change(now => withProject(now, id, { kinds: { ...project.kinds, [kind]: on } }))}
        />
      ))}
      <SecondsField
        value={project.afterSeconds ?? settings.afterSeconds}
        set={afterSeconds => change(now => withProject(now, id, { afterSeconds }))}
      />
      <div class="within">
        <button type="button" class="button" onClick={() => change(now => withoutProject(now, id))}>
          As for everything
        </button>
      </div>
    </details>
  )
}
