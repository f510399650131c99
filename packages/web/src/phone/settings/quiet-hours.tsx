/** When only what cannot wait is told, or nothing. */
import type { NotifySettings } from '@meshbook/core/notify-api.ts'
import { change } from './change.ts'
import { Switch } from './switch.tsx'

type Quiet = NonNullable<NotifySettings['quiet']>
const zoneHere = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

export function QuietHours({ settings: { quiet } }: { settings: NotifySettings }) {
  const set = (next: Partial<Quiet>) => change(now => ({ ...now, quiet: now.quiet && { ...now.quiet, ...next } }))
  const turn = (on: boolean) =>
    change(now => ({ ...now, quiet: on ? { from: '22:00', to: '07:00', zone: zoneHere(), urgent: true } : null }))
  return (
    <section>
      <h2>Quiet hours</h2>
      <div class="rows">
        <Switch label="Be quiet at night" on={quiet !== null} set={turn} />
        {quiet && (
          <>
            <Time label="From" value={quiet.from} set={from => set({ from })} />
            <Time label="To" value={quiet.to} set={to => set({ to })} />
            <div class="row">
              <span class="words">
                <span class="name">Clock of {quiet.zone}</span>
              </span>
              {quiet.zone !== zoneHere() && (
                <button type="button" class="button" onClick={() => set({ zone: zoneHere() })}>
                  Use {zoneHere()}
                </button>
              )}
            </div>
            <Switch
              label="Decisions and questions still come at once"
              on={quiet.urgent}
              set={urgent => set({ urgent })}
            />
          </>
        )}
      </div>
      {quiet && <p class="note">The rest comes as one message when they end.</p>}
    </section>
  )
}

function Time({ label, value, set }: { label: string; value: string; set: (time: string) => void }) {
  return (
    <label class="row">
      <span class="words">{label}</span>
      <input
        class="field time"
        type="time"
        value={value}
        onChange={event => {
          // An emptied field is no time.
          if (/^\d\d:\d\d$/.test(event.currentTarget.value)) set(event.currentTarget.value)
        }}
      />
    </label>
  )
}
