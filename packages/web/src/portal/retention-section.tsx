/** How long each project keeps what its runs and tasks said (TP16). */
import './pages-portal.css'
import type { Project } from '@meshbook/core/api.ts'
import { useState } from 'preact/hooks'
import { projects } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { Shown, useLoaded } from './loaded.tsx'
import { portalApi } from './portal-api.ts'

export function RetentionSection() {
  const [open, setOpen] = useState(false)
  const own = (projects.value ?? []).filter(({ roles }) => roles === undefined || roles.includes('owner'))
  if (own.length === 0) return null
  return (
    <details class="part-more retention" open={open} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>How long transcripts are kept</summary>
      <p class="part-about">
        Counted from the end of a task. Then its transcript goes; that there was such a task, how it ended and what it
        cost stays until you delete it.
      </p>
      {open && (
        <ul class="part-list">
          {own.map(project => (
            <Kept key={project.id} project={project} />
          ))}
        </ul>
      )}
    </details>
  )
}

const choices = [7, 30, 90, 365, 3_650] as const
const daysWords = (days: number): string =>
  days >= 365 ? (days === 365 ? '1 year' : `${Math.round(days / 365)} years`) : days === 1 ? '1 day' : `${days} days`

function Kept({ project: { id, name } }: { project: Project }) {
  const kept = useLoaded(() => portalApi.retention(id), [id])
  const choose = async (text: string) => {
    const days = text === '' ? null : Number(text)
    await portalApi.setRetention(id, days).then(kept.set, thrown => report(thrown, 'It is kept as long as before'))
  }
  return (
    <li class="part-row">
      <Shown loaded={kept}>
        {({ days, hubDays }) => (
          <label class="kept">
            <span class="part-words">
              <strong>{name}</strong>
            </span>
            <select
              class="field"
              value={days ?? ''}
              aria-label={`How long ${name} keeps transcripts`}
              onChange={event => void choose(event.currentTarget.value)}
            >
              <option value="">As the hub: {daysWords(hubDays)}</option>
              {[...new Set([...choices, ...(days === null ? [] : [days])])]
                .sort((a, b) => a - b)
                .map(one => (
                  <option key={one} value={one}>
                    {daysWords(one)}
                  </option>
                ))}
            </select>
          </label>
        )}
      </Shown>
    </li>
  )
}
