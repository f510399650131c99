/** By which ways the person is told what waits for them or has ended (NT20, NT21); what is told, and when not, is set in the phone's settings. */
import { useEffect } from 'preact/hooks'
import { AddWay } from '../notify/add-way.tsx'
import { loadMailOffer, loadWays, ways } from '../notify/notify-state.ts'
import { WayCard } from '../notify/way-card.tsx'
import { report } from '../state/toasts.ts'
import { Section } from './account-section.tsx'

export function Notifications() {
  useEffect(() => {
    Promise.all([loadWays(), loadMailOffer()]).catch(thrown => report(thrown, 'Your notifications could not be loaded'))
  }, [])
  const found = ways.value
  if (found === undefined) return null
  return (
    <Section
      id="notifications"
      title="Notifications"
      text="Decisions that wait for you, questions of your programs, runs that end, and devices that are lost."
    >
      {found.length === 0 && (
        <p class="way">
          Nothing tells you yet. Add a way here, or press “Notify me” in the settings for phones: push works in this
          browser too.
        </p>
      )}
      {found.map(way => (
        <WayCard key={way.id} way={way} say={report} />
      ))}
      <AddWay />
      <p class="muted">
        What is told, from which length of a run, and quiet hours are in the{' '}
        <a href="/m/settings">settings for phones</a>.
      </p>
    </Section>
  )
}
