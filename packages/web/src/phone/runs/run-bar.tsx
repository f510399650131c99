/** What can be done about a run, where a thumb reaches it. */
import { hasEnded } from '@meshbook/core/run.ts'
import { useState } from 'preact/hooks'
import { api } from '../../api/client.ts'
import { ask, confirmed } from '../../shell/ask.ts'
import { availabilityOf, devicesFor, giveRun } from '../../shell/give-run.ts'
import { type RunInfo, rememberRun } from '../../state/mesh.ts'
import { go, runAt } from '../place.ts'
import { say } from '../say.ts'

export function RunBar({ run }: { run: RunInfo }) {
  const [busy, setBusy] = useState(false)
  const doing = (work: () => Promise<unknown>, failed: string) => () => {
    setBusy(true)
    work()
      .catch(thrown => say(thrown, failed))
      .finally(() => setBusy(false))
  }
  const canMove = devicesFor(run).length > 0 && (hasEnded(run.status) || run.status === 'queued')
  return (
    <div class="action-bar">
      {canMove && (
        <button type="button" class="button" disabled={busy} onClick={doing(() => runOn(run), 'It was not given away')}>
          Run on…
        </button>
      )}
      {hasEnded(run.status) ? (
        <button
          type="button"
          class="button primary"
          disabled={busy}
          onClick={doing(() => again(run), 'It was not repeated')}
        >
          Run again
        </button>
      ) : (
        <button
          type="button"
          class="button danger"
          disabled={busy}
          onClick={doing(() => stop(run), 'It was not stopped')}
        >
          {isBegun(run) ? 'Interrupt' : 'Cancel'}
        </button>
      )}
    </div>
  )
}

const isBegun = ({ status }: RunInfo): boolean => status === 'running' || status === 'waiting-for-input'

/** What has begun is interrupted, so that its program may clean up; what waits is cancelled. */
const stop = (run: RunInfo): Promise<unknown> =>
  isBegun(run) ? api.interrupt(run.session, run.id) : api.cancelRun(run.id, 'cancelled on a phone')

/** What was interrupted is asked about before it is repeated (RU21). */
async function again(run: RunInfo): Promise<void> {
  const text = 'It was interrupted: what it did outside may happen twice.'
  if (run.status === 'interrupted' && !(await confirmed({ title: 'Run it again?', text, action: 'Run it again' })))
    return
  show(await api.runAgain(run.id))
}

async function runOn(run: RunInfo): Promise<void> {
  const choices = devicesFor(run).map(device => ({
    value: device.id,
    label: device.name,
    note: availabilityOf(device),
  }))
  const chosen = await ask({ title: 'Run it on', choices, action: 'Run there' })
  const made = chosen === undefined ? undefined : await giveRun(run, chosen)
  if (made) show(made)
}

function show(made: RunInfo): void {
  rememberRun(made)
  go(runAt(made.id))
}
