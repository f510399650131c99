/** What one is told, how, and whether it works. */
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../../api/api-error.ts'
import { loadNotifySettings, loadWays, notifySettings, ways } from '../../notify/notify-state.ts'
import { hub } from '../first-list.ts'
import { AddWay } from './add-way.tsx'
import { NotifyMe } from './notify-me.tsx'
import { ProjectNotices } from './project-notices.tsx'
import { QuietHours } from './quiet-hours.tsx'
import { WayCard } from './way-card.tsx'
import { WhatIsTold } from './what-is-told.tsx'

export function NotifySection() {
  const [problem, setProblem] = useState('')
  const isOpen = hub.value === 'open'
  useEffect(() => {
    Promise.all([loadWays(), loadNotifySettings()]).then(
      () => setProblem(''),
      thrown => setProblem(asApiError(thrown).message),
    )
    // When the hub is back, it is asked again.
  }, [isOpen])
  const settings = notifySettings.value
  return (
    <>
      <section>
        <h2>Notifications</h2>
        <NotifyMe />
        {(ways.value ?? []).map(way => (
          <WayCard key={way.id} way={way} />
        ))}
        {problem !== '' && ways.value === undefined && (
          <p class="note bad" role="alert">
            What is set could not be loaded. {problem}
          </p>
        )}
        {ways.value !== undefined && <AddWay />}
      </section>
      {settings && (
        <>
          <WhatIsTold settings={settings} />
          <QuietHours settings={settings} />
          <ProjectNotices settings={settings} />
        </>
      )}
    </>
  )
}
