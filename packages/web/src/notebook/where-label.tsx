/** Where the notebook's code runs, in the bar; opened, it lets the user choose, and shows the session (W50). */
import { useEffect, useState } from 'preact/hooks'
import { Hint } from '../shell/hint.tsx'
import { Icon, type IconName } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { interruptSession, restartSession, workOf } from '../shell/session-actions.ts'
import { sidePanel } from '../state/layout.ts'
import { devices, me } from '../state/mesh.ts'
import { type OpenNotebook, useNotebook } from './open-notebook.ts'
import { RunOnChoices } from './run-on.tsx'
import { backToShared, fork } from './runtime-actions.ts'
import { type Where, type WhereKind, whereOf } from './where.ts'

const icons: Record<WhereKind, IconName> = {
  live: 'bolt',
  cloud: 'cloud',
  starting: 'spinner',
  away: 'offline',
  next: 'circle',
  none: 'circle',
}

export function whereRuns(notebook: OpenNotebook): Where {
  return whereOf({
    session: notebook.sessionOf(notebook.language.value),
    devices: devices.value,
    chosen: notebook.runner.on.value,
    runsOn: notebook.store.frontMatter.value?.runsOn,
    here: me.value?.device,
    isForked: notebook.runner.session.value !== undefined,
    now: Date.now(),
  })
}

export function WhereLabel() {
  const notebook = useNotebook()
  const { kind, text, note } = whereRuns(notebook)
  return (
    <Popover
      label={`Runs on: ${text}`}
      class={`pill where ${kind === 'away' ? 'warn' : ''}`}
      panelClass="padded"
      title="Where it runs"
      button={
        <>
          <Icon name={icons[kind]} size={13} class={kind === 'live' ? 'live' : kind === 'starting' ? 'spin' : ''} />
          <span class="ellipsis">{text}</span>
          {notebook.runner.session.value !== undefined && <Icon name="fork" size={12} />}
        </>
      }
    >
      {close => (
        <div class="why">
          <h2>{text}</h2>
          <p class="muted where-note">
            <Hint text={note} />
          </p>
          <Session notebook={notebook} close={close} />
          <RunOnChoices notebook={notebook} language={notebook.language.value} close={close} />
        </div>
      )}
    </Popover>
  )
}

function Session({ notebook, close }: { notebook: OpenNotebook; close: () => void }) {
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
      {waiting > 0 && <p class="faint">{waiting === 1 ? '1 run waits for it.' : `${waiting} runs wait for it.`}</p>}
      <div class="row tools">
        {session && isLive && (
          <>
            <button
              type="button"
              class="button small"
              disabled={!current && notebook.executions.running.value.size === 0}
              onClick={then(() => void interruptSession(session))}
            >
              Interrupt
            </button>
            <button type="button" class="button small" onClick={then(() => void restartSession(session))}>
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

/** The time now, anew every half second while something goes on. */
export function useTicking(isOn: boolean): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!isOn) return
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [isOn])
  return now
}
