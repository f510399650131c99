/** The session that a notebook's code runs in, and what can be done with it. */
import { NotebookSavedState } from '../moves/notebook-session.tsx'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { interruptSession, restartSession } from '../shell/session-actions.ts'
import { workOf } from '../shell/session-work.ts'
import { sidePanel } from '../state/layout.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { backToShared, fork } from './runtime-actions.ts'
import type { WhereFacts } from './where.ts'
import { whereNote } from './where-note.ts'

interface Props {
  notebook: OpenNotebook
  facts: WhereFacts
  close: () => void
}

export function WhereSession({ notebook, facts, close }: Props) {
  const session = notebook.sessionOf(notebook.language.value)
  const isLive = session?.device !== undefined && session.device !== null
  const { current, waiting } = session ? workOf(session.id) : { current: undefined, waiting: 0 }
  const isForked = notebook.runner.session.value !== undefined
  const then = (act: () => void) => () => {
    close()
    act()
  }
  return (
    <div class="session-tools">
      <p class="muted where-note">
        <Hint text={whereNote(facts)} />
      </p>
      {waiting > 0 && <p class="faint">{waiting === 1 ? '1 run waits for it.' : `${waiting} runs wait for it.`}</p>}
      <div class="row tools">
        {session && isLive && (
          <>
            <button
              type="button"
              class="button small"
              disabled={!current && notebook.executions.running.value.size === 0}
              onClick={then(() => interruptSession(session))}
            >
              Interrupt
            </button>
            <button type="button" class="button small" onClick={then(() => restartSession(session))}>
              Restart…
            </button>
            <button
              type="button"
              class="button small"
              onClick={then(() => {
                sidePanel.value = 'variables'
              })}
            >
              Variables
            </button>
          </>
        )}
        <ForkButton notebook={notebook} isForked={isForked} close={close} />
      </div>
      <NotebookSavedState close={close} />
    </div>
  )
}

export function ForkButton({
  notebook,
  isForked,
  close,
}: {
  notebook: OpenNotebook
  isForked: boolean
  close: () => void
}) {
  return (
    <button
      type="button"
      class="button small"
      title={isForked ? 'Go on in the session that all devices share' : 'A session of your own, with no variables yet'}
      onClick={() => {
        close()
        if (isForked) backToShared(notebook)
        else fork(notebook)
      }}
    >
      <Icon name="fork" size={13} />
      {isForked ? 'Back to the shared session' : 'Fork runtime'}
    </button>
  )
}
