/** All that is known of how a session is saved, and what can be done about it (SW1, SW2, SW7). */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { asOfWords, clockWords, freshnessOf, type Saved, sizeWords } from '@meshbook/core/session-words.ts'
import { duration } from '../notebook/duration.ts'
import { Hint } from '../shell/hint.tsx'
import { deviceById } from '../state/mesh.ts'
import { LostList } from './lost-list.tsx'
import { firstLine } from './missing-cells.ts'
import { forkSession, moveSession, runMissing, saveSession } from './move-actions.ts'
import { showPolicy, showStates } from './moves-dialog-open.ts'
import { MovingBar, movingOf } from './moving-bar.tsx'
import { type MissingRun, namedCells, useMissing } from './use-missing.ts'

interface Props {
  session: SessionInfo
  /** Of what this is shown in, before something else opens. */
  close: () => void
  /** What to do with a copy, by the name that notebooks call it. */
  onForked: (name: string) => void
}

export function SavedState({ session, close, onForked }: Props) {
  const { saved, device } = session
  const holder = deviceById.value.get(device ?? '')
  const moving = movingOf(session)
  return (
    <div class="saved-state">
      <h2>{holder ? `Live on ${holder.name}` : 'Live nowhere'}</h2>
      {moving && <MovingBar moving={moving} />}
      {saved && <Freshness session={session} saved={saved} name={holder?.name ?? 'its device'} />}
      <Restored session={session} />
      <Actions session={session} close={close} onForked={onForked} />
    </div>
  )
}

function Freshness({ session, saved, name }: { session: SessionInfo; saved: Saved; name: string }) {
  const now = Date.now()
  const of = freshnessOf(saved)
  return (
    <>
      {saved.snapshot !== null && (
        <p>
          State {asOfWords(saved, now)}
          <span class="faint">
            {' '}
            · {saved.kind === 'image' ? 'whole process' : 'its variables'}, {sizeWords(saved.bytes)}
          </span>
        </p>
      )}
      {(of === 'none' || of === 'saving') && saved.snapshot === null && (
        <p class="muted">
          {of === 'saving'
            ? 'It is being saved for the first time. Until then it cannot go on elsewhere.'
            : 'Not yet movable: nothing of it is saved. It is saved by itself after each run.'}
        </p>
      )}
      {of === 'off' && (
        <p class="warn-text">
          <Hint
            text={`Not saved: ${saved.detail ?? `that is off on ${name}`}. See \`meshbook sessions doctor\` there.`}
          />
        </p>
      )}
      {of === 'failed' && (
        <p class="warn-text" role="status">
          <Hint
            text={`Saving failed${saved.detail ? `: ${saved.detail}` : ''}. The session itself goes on; \`meshbook sessions doctor\` on ${name} says what stands in the way.`}
          />
        </p>
      )}
      {saved.behind > 0 && saved.asOf && <Behind session={session} saved={saved} />}
    </>
  )
}

/** If the device were gone now, these would be missing elsewhere. What a restore left behind is not in the session either. */
function Behind({ session, saved }: { session: SessionInfo; saved: Saved }) {
  const since = session.restored?.at ?? 0
  const missing = useMissing(session.id, saved.asOf)?.filter(({ startedAt }) => startedAt! >= since)
  if (!missing || missing.length === 0) return null
  return (
    <>
      <h3>Not saved yet</h3>
      <CellList runs={missing} />
    </>
  )
}

export function CellList({ runs }: { runs: readonly MissingRun[] }) {
  return (
    <ol class="cell-list">
      {runs.slice(0, namedCells).map(({ id, code, path, durationMs }) => (
        <li key={id}>
          <code>{firstLine(code) ?? path ?? 'A cell'}</code>
          {durationMs !== null && <span class="faint"> {duration(durationMs)}</span>}
        </li>
      ))}
      {runs.length > namedCells && <li class="muted">and {runs.length - namedCells} more</li>}
    </ol>
  )
}

function Restored({ session }: { session: SessionInfo }) {
  const { restored } = session
  const missing = useMissing(session.id, restored?.asOf ?? null, restored?.at)
  if (!restored) return null
  const from = deviceById.value.get(restored.from ?? '')?.name
  return (
    <>
      <h3>Restored{from && ` from ${from}`}</h3>
      <p>
        With the state as of {clockWords(restored.asOf.at, Date.now())}
        {missing?.length === 0 ? '; no cell is missing.' : '.'}
      </p>
      {missing && missing.length > 0 && (
        <>
          <CellList runs={missing} />
          <RunMissing missing={missing} />
        </>
      )}
      <LostList title="Not carried over" lost={restored.lost} />
    </>
  )
}

export function RunMissing({ missing }: { missing: readonly MissingRun[] }) {
  return (
    <button type="button" class="button small primary" onClick={() => void runMissing(missing)}>
      Run the {missing.length === 1 ? '1 missing cell' : `${missing.length} missing cells`}
    </button>
  )
}

function Actions({ session, close, onForked }: Props) {
  const isLive = session.device !== null
  const isMoving = movingOf(session) !== undefined
  const then = (act: () => unknown) => () => {
    close()
    act()
  }
  const fork = async () => {
    const name = await forkSession(session)
    if (name !== undefined) onForked(name)
  }
  const can = isLive && !isMoving
  return (
    <div class="row tools saved-actions">
      <Act label="Move to…" disabled={!can} act={then(() => moveSession(session))} />
      <Act label="Fork…" disabled={!can} act={then(fork)} />
      <Act label="Save as…" disabled={!can} act={then(() => saveSession(session))} />
      <Act label="Saved states" act={then(() => showStates(session))} />
      <Act label="When it is lost…" act={then(() => showPolicy(session))} />
    </div>
  )
}

function Act({ label, disabled = false, act }: { label: string; disabled?: boolean; act: () => void }) {
  return (
    <button type="button" class="button small" disabled={disabled} onClick={act}>
      {label}
    </button>
  )
}
