/** The saved states of a session: what is in each, and what can be done with it (SW8). */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { clockWords, insideWords, sizeWords } from '@meshbook/core/session-words.ts'
import type { SnapshotInfo } from '@meshbook/core/snapshot.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { LostList } from './lost-list.tsx'
import { deleteState, keepState, restoreAsFork, restoreState, titleOfState } from './move-actions.ts'
import { movesApi } from './moves-api.ts'

export function SavedStates({ session, close }: { session: SessionInfo; close: () => void }) {
  const [list, setList] = useState<SnapshotInfo[]>()
  const [failed, setFailed] = useState<ApiError>()
  const load = () => {
    setFailed(undefined)
    movesApi.snapshots(session.id).then(setList, thrown => setFailed(asApiError(thrown)))
  }
  // A state that was saved meanwhile is shown too.
  useEffect(load, [session.id, session.saved?.snapshot])
  return (
    <>
      {failed && (
        <p class="warn-text" role="alert">
          The list could not be loaded: {failed.detail || failed.message} {failed.hint}{' '}
          <button type="button" class="button small" onClick={load}>
            Try again
          </button>
        </p>
      )}
      {!list && !failed && (
        <p class="muted" role="status">
          Asking the hub…
        </p>
      )}
      {list?.length === 0 && <NoState />}
      {list && list.length > 0 && (
        <ul class="state-list">
          {list.map(saved => (
            <State key={saved.id} session={session} saved={saved} close={close} changed={load} />
          ))}
        </ul>
      )}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </div>
    </>
  )
}

function NoState() {
  return (
    <p class="muted">
      Nothing is saved of this session yet. It is saved by itself after each run, when the session is quiet for two
      seconds; “Save as…” saves it now and keeps it under a name. <code>meshbook sessions doctor</code> on its device
      says whether that works there.
    </p>
  )
}

interface StateProps {
  session: SessionInfo
  saved: SnapshotInfo
  close: () => void
  changed: () => void
}

function State({ session, saved, close, changed }: StateProps) {
  const { name, asOf, deviceName, kind, bytes, inside, lost, refused, addedBytes } = saved
  const now = Date.now()
  const title = titleOfState(saved, now)
  const then = (act: () => unknown) => () => {
    close()
    act()
  }
  const change = (act: () => Promise<boolean>) => () => void act().then(is => is && changed())
  return (
    <li class="state-row">
      <div class="state-head">
        <strong class="ellipsis">{name ?? `As of ${clockWords(asOf.at, now)}`}</strong>
        {name !== null && <span class="pill accent">Kept</span>}
        {asOf.during && <span class="pill">In the middle of a run</span>}
      </div>
      <p class="faint">
        {[
          name !== null && `as of ${clockWords(asOf.at, now)}`,
          deviceName ?? 'a device that is gone',
          kind === 'image' ? 'whole process' : 'variables',
          `${sizeWords(bytes)}, ${sizeWords(addedBytes)} of it new`,
        ]
          .filter(Boolean)
          .join(' · ')}
      </p>
      <p class="state-inside">{insideWords(inside)}</p>
      {refused !== undefined && <p class="warn-text">It cannot be used: {refused}</p>}
      <LostList title="Not in it" lost={lost} />
      <div class="row tools">
        <button
          type="button"
          class="button small"
          disabled={refused !== undefined}
          aria-label={`Restore ${title}`}
          onClick={then(() => restoreState(session, saved, now))}
        >
          Restore
        </button>
        <button
          type="button"
          class="button small"
          disabled={refused !== undefined}
          aria-label={`Restore beside it: ${title}`}
          onClick={then(() => restoreAsFork(saved, now))}
        >
          Restore beside it…
        </button>
        <button
          type="button"
          class="button small"
          aria-label={`${name === null ? 'Keep' : 'Rename'} ${title}`}
          onClick={change(() => keepState(saved, now))}
        >
          {name === null ? 'Keep…' : 'Rename…'}
        </button>
        <button
          type="button"
          class="button small danger"
          aria-label={`Delete ${title}`}
          onClick={change(() => deleteState(saved, now))}
        >
          Delete…
        </button>
      </div>
    </li>
  )
}
