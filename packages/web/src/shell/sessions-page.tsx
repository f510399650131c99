/** The live namespaces of the user's notebooks (W63). */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { showPolicy, showStates } from '../moves/moves-dialog-open.ts'
import { loadMoves, moves, withMoves } from '../moves/moves-when-needed.ts'
import { ago } from '../notebook/duration.ts'
import { chooseSession } from '../notebook/run-choice.ts'
import { togglePanelOn } from '../state/layout.ts'
import { navigate, notebookUrl } from '../state/location.ts'
import { addRuns, deviceById, loadRuns, projects, sessions } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { titleOf } from './file-tree.ts'
import { Icon } from './icons.tsx'
import { Link } from './link.tsx'
import { Menu, type MenuEntry } from './menu.tsx'
import { PageHeader } from './page-header.tsx'
import { interruptSession, restartSession } from './session-actions.ts'
import { type SessionWork, workOf } from './session-work.ts'
import '../styles/pages.css'

export function SessionsPage() {
  const [all, setAll] = useState(false)
  useEffect(() => {
    loadRuns()
      .then(loadNewest)
      .catch(thrown => report(thrown, 'What the sessions run could not be loaded'))
    loadMoves()
  }, [])
  const live = sessions.value.filter(({ device }) => device !== null)
  const list = all ? sessions.value : live
  return (
    <>
      <PageHeader title="Sessions">
        {sessions.value.length > live.length && (
          <label class="row faint toggle">
            <input type="checkbox" checked={all} onChange={event => setAll(event.currentTarget.checked)} />
            Also ended
          </label>
        )}
      </PageHeader>
      <main id="main" class="page" tabIndex={-1}>
        <h2 class="visually-hidden">Sessions</h2>
        {list.length === 0 && <NoSession />}
        <ul class="session-list">
          {list.map(session => (
            <SessionRow key={session.id} session={session} />
          ))}
        </ul>
      </main>
    </>
  )
}

/** Of live sessions whose runs are older than the list of runs: at least the newest, which names a notebook. */
async function loadNewest(): Promise<void> {
  const unknown = sessions.value.filter(({ id, device }) => device !== null && !workOf(id).newest)
  const pages = await Promise.all(unknown.map(({ id }) => api.runPage({ session: id, limit: '1' })))
  addRuns(pages.flatMap(({ items }) => items))
}

function NoSession() {
  return (
    <div class="empty boxed">
      <h3>No session is live</h3>
      <p>
        A session holds the variables of a notebook. It begins with the first run, lives on the device that ran it, and
        is shared by every device that opens the notebook. Open one and press Shift Enter in a cell. After each run it
        is saved, so that it goes on elsewhere when its device is closed.
      </p>
    </div>
  )
}

function SessionRow({ session }: { session: SessionInfo }) {
  const work = workOf(session.id)
  const project = projects.value?.find(({ id }) => id === session.project)
  const path = work.newest?.path
  const url = project && path ? notebookUrl(project.name, path) : undefined
  const isLive = session.device !== null
  const to = moves.part.value
  const moving = to?.movingOf(session)
  return (
    <li class="session-row">
      <div class="session-what">
        <strong class="ellipsis">
          {session.language}
          {session.name !== 'default' && <span class="muted"> {session.name}</span>}
        </strong>
        <span class="faint ellipsis">
          {project?.name ?? 'A project that is not shared with you any more'}
          {url && ' · '}
          {url && path && <Link to={url}>{titleOf(path)}</Link>}
        </span>
      </div>
      <Where session={session} />
      <State work={work} isLive={isLive} />
      <div class="session-actions">
        <button
          type="button"
          class="button small"
          disabled={!isLive || !work.current}
          onClick={() => void interruptSession(session)}
        >
          Interrupt
        </button>
        <button type="button" class="button small" disabled={!isLive} onClick={() => void restartSession(session)}>
          Restart…
        </button>
        <Menu
          label={`More for ${session.language} ${session.name}`}
          class="icon-button small"
          button={<Icon name="more" />}
          entries={() => moreEntries(session, work, url)}
        />
      </div>
      {to && moving && <to.MovingBar moving={moving} />}
    </li>
  )
}

function moreEntries(session: SessionInfo, work: SessionWork, url: string | undefined): MenuEntry[] {
  const isLive = session.device !== null
  const cannot = !isLive || moves.part.value?.movingOf(session) !== undefined
  const open = (panel: boolean) => () => {
    if (url === undefined) return
    if (panel) togglePanelOn('variables')
    navigate(url)
  }
  return [
    { label: 'Open the notebook', icon: 'file', disabled: url === undefined, run: open(false) },
    { label: 'Variables', icon: 'braces', disabled: url === undefined || !isLive, run: open(true) },
    { label: 'Its runs', icon: 'clock', run: () => navigate('/runs') },
    'line',
    { label: 'Move to…', icon: 'laptop', disabled: cannot, run: () => withMoves(to => to.moveSession(session)) },
    {
      label: 'Fork…',
      icon: 'fork',
      disabled: cannot,
      run: () => withMoves(to => fork(to.forkSession(session), work, url)),
    },
    { label: 'Save as…', icon: 'bookmark', disabled: cannot, run: () => withMoves(to => to.saveSession(session)) },
    { label: 'Saved states…', icon: 'history', run: () => showStates(session) },
    { label: 'When its device is lost…', icon: 'gear', run: () => showPolicy(session) },
  ]
}

/** The copy opens in the notebook that ran in the original last (SW10). */
async function fork(
  made: Promise<string | undefined>,
  { newest }: SessionWork,
  url: string | undefined,
): Promise<void> {
  const name = await made
  if (name === undefined || !newest || url === undefined) return
  chooseSession(newest.document, name, () => localStorage)
  navigate(url)
}

function Where({ session: { device: id, since, kernel, saved } }: { session: SessionInfo }) {
  const device = id === null ? undefined : deviceById.value.get(id)
  const Saved = moves.part.value?.SavedLine
  if (!device)
    return (
      <span class="faint session-where">
        Ended: live nowhere
        {saved?.snapshot && Saved && <Saved saved={saved} />}
      </span>
    )
  return (
    <span class="session-where">
      <span class="row">
        <span class={`dot ${device.status}`} />
        <span class="ellipsis">{device.name}</span>
      </span>
      <span class="faint">
        {device.status === 'online'
          ? (kernel ?? 'Starting')
          : device.status === 'suspect'
            ? 'not answering'
            : 'offline'}
        {since && ` · since ${ago(since, Date.now())}`}
      </span>
      {saved && Saved && <Saved saved={saved} />}
    </span>
  )
}

function State({ work: { current, waiting }, isLive }: { work: SessionWork; isLive: boolean }) {
  return (
    <span class="session-state">
      {current && (
        <span class="pill accent">
          <Icon name="spinner" size={12} class="spin" />
          {current.status === 'leased' ? 'Starting' : current.status === 'running' ? 'Running' : 'Asks you'}
        </span>
      )}
      {!current && isLive && <span class="pill">Idle</span>}
      {waiting > 0 && <span class="pill">{waiting} waiting</span>}
    </span>
  )
}
