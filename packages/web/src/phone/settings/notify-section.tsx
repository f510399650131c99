/** What one is told, how, and whether it works. */
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../../api/api-error.ts'
import { AddWay } from '../../notify/add-way.tsx'
import { loadMailOffer, loadNotifySettings, loadWays, notifySettings, ways } from '../../notify/notify-state.ts'
import { WayCard } from '../../notify/way-card.tsx'
import { hub } from '../first-list.ts'
import { say } from '../say.ts'
import { NotifyMe } from './notify-me.tsx'
import { ProjectNotices } from './project-notices.tsx'
import { QuietHours } from './quiet-hours.tsx'
import { WhatIsTold } from './what-is-told.tsx'

export function NotifySection() {
  const [problem, setProblem] = useState('')
  const isOpen = hub.value === 'open'
  useEffect(() => {
    Promise.all([loadWays(), loadNotifySettings(), loadMailOffer()]).then(
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
          <WayCard key={way.id} way={way} say={say} />
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
