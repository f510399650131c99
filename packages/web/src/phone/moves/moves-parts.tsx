/** What the phone shows and does about saved sessions, in one chunk. */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { asOfWords, movingWords, savedWords } from '@meshbook/core/session-words.ts'
import { signal } from '@preact/signals'
import { MovesDialog } from '../../moves/moves-dialog.tsx'
import { movesDialog } from '../../moves/moves-dialog-open.ts'
import { MovingBar, movingOf } from '../../moves/moving-bar.tsx'
import { RunMissing, SavedState } from '../../moves/saved-state.tsx'
import { useMissing } from '../../moves/use-missing.ts'
import { WaitingFor } from '../../moves/waiting-for.tsx'
import { availabilityOf, devicesFor, giveRun } from '../../shell/give-run.ts'
import { deviceById, type RunInfo } from '../../state/known.ts'
import type { PhoneNotebook } from '../notebook/phone-notebook.ts'
import { Asked } from '../shell/asked.tsx'
import { closeSheet, SheetAction, showSheet } from '../shell/sheet.tsx'
import '../styles/dialog.css'
import '../styles/moves.css'

export { WaitingFor }

/** Below where it runs, in the bar; empty where there is nothing to say. */
export function barWords(session: SessionInfo): string {
  const moving = movingOf(session)
  if (moving) return movingWords({ ...moving, total: 0 })
  const { saved, device } = session
  return saved && (device !== null || saved.snapshot !== null) ? savedWords(saved, Date.now()) : ''
}

/** In the sheet of where it runs. The copy is this phone's; others stay in the shared session (SW10). */
export function SessionPart({ notebook, session }: { notebook: PhoneNotebook; session: SessionInfo }) {
  const onForked = (name: string) => {
    notebook.runner.session.value = name
  }
  return <SavedState session={session} close={closeSheet} onForked={onForked} />
}

const putAway = signal<ReadonlySet<string>>(new Set())

/** Above the bar: a move that is under way, or what a restore left behind (SW3, SW4). */
export function SessionStrip({ session }: { session: SessionInfo }) {
  const moving = movingOf(session)
  const { restored } = session
  if (moving)
    return (
      <section class="session-strip" aria-label="Session">
        <MovingBar moving={moving} />
      </section>
    )
  if (!restored || putAway.value.has(`${session.id} ${restored.at}`)) return null
  return <RestoredStrip key={restored.at} session={session} restored={restored} />
}

function RestoredStrip({
  session,
  restored,
}: {
  session: SessionInfo
  restored: NonNullable<SessionInfo['restored']>
}) {
  const missing = useMissing(session.id, restored.asOf, restored.at)
  const behind = missing?.length ?? restored.behind
  if (behind === 0 && restored.lost.length === 0) return null
  const place = deviceById.value.get(session.device ?? '')?.name ?? 'another device'
  const dismiss = () => {
    putAway.value = new Set([...putAway.value, `${session.id} ${restored.at}`])
  }
  return (
    <section class="session-strip" aria-label="Session">
      <p role="status">
        Restored on {place}, {asOfWords({ asOf: restored.asOf, behind }, Date.now())}
        {restored.lost.length > 0 && `; ${restored.lost.length} not carried over`}.
      </p>
      {missing && missing.length > 0 && <RunMissing missing={missing} />}
      <button type="button" class="link" aria-label="Close this notice" onClick={dismiss}>
        Close
      </button>
    </section>
  )
}

/** A run that was lost, on another device (SW6). */
export function AgainElsewhere({ run }: { run: RunInfo }) {
  const able = devicesFor(run)
  if (able.length === 0) return null
  const choose = () =>
    showSheet('Run again on', () =>
      able.map(device => (
        <SheetAction
          key={device.id}
          label={device.name}
          note={availabilityOf(device)}
          act={() => void giveRun(run, device.id)}
        />
      )),
    )
  return (
    <button type="button" class="button" onClick={choose}>
      Run again on…
    </button>
  )
}

export const Dialogs = () => (
  <>
    {movesDialog.value && <MovesDialog />}
    <Asked />
  </>
)
