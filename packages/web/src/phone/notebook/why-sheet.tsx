/** Where a run was, since when and why there; and where the next ones are to go (W51, W54). */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { useEffect } from 'preact/hooks'
import { api } from '../../api/client.ts'
import { duration, timeOfDay } from '../../notebook/duration.ts'
import { RunOnChoices } from '../../notebook/run-on.tsx'
import { backToShared, fork } from '../../notebook/runtime-actions.ts'
import { rememberRun, runs } from '../../state/mesh.ts'
import { loadMoves, moves } from '../moves/moves-when-needed.ts'
import { closeSheet, SheetAction, showSheet } from '../shell/sheet.tsx'
import type { PhoneNotebook } from './phone-notebook.ts'

export function showWhy(notebook: PhoneNotebook, entry: ExecutionEntry): void {
  showSheet(entry.ranOn?.name ?? 'Where it runs', () => <Why notebook={notebook} entry={entry} />)
}

function Why({ notebook, entry }: { notebook: PhoneNotebook; entry: ExecutionEntry }) {
  const run = runs.value.get(entry.id)
  useEffect(() => {
    // Runs of other days are not in the list; without the hub the reasons stay unknown.
    if (!run) api.run(entry.id).then(rememberRun, () => undefined)
  }, [entry.id])
  const { startedAt, durationMs, status } = entry
  return (
    <>
      <dl class="facts">
        <dt>Started</dt>
        <dd>{startedAt === undefined ? 'not yet' : timeOfDay(startedAt, Date.now())}</dd>
        {durationMs !== undefined && status !== 'running' && <dt>Took</dt>}
        {durationMs !== undefined && status !== 'running' && <dd>{duration(durationMs)}</dd>}
        {run && <dt>Code</dt>}
        {run && <dd class="mono">{run.codeHash.slice(0, 12)}</dd>}
      </dl>
      <h3>Why there</h3>
      {run?.reasons.length ? (
        <ul class="points">
          {run.reasons.map(reason => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      ) : (
        <p class="faint">The hub keeps no reasons for this run.</p>
      )}
      <Where notebook={notebook} language={entry.language} />
    </>
  )
}

export function showRunOn(notebook: PhoneNotebook): void {
  showSheet('Where it runs', () => <Where notebook={notebook} language={notebook.language.value} />)
}

function Where({ notebook, language }: { notebook: PhoneNotebook; language: string }) {
  const isForked = notebook.runner.session.value !== undefined
  const session = notebook.sessionOf(language)
  const Session = moves.part.value?.SessionPart
  useEffect(() => {
    if (session) loadMoves()
  }, [session !== undefined])
  return (
    <>
      {session && Session && <Session notebook={notebook} session={session} />}
      <RunOnChoices notebook={notebook} language={language} close={closeSheet} />
      <SheetAction
        label={isForked ? 'Back to the shared session' : 'Fork runtime'}
        note={isForked ? '' : 'a session of your own'}
        act={() => (isForked ? backToShared(notebook) : fork(notebook))}
      />
    </>
  )
}
