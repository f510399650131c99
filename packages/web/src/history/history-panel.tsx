/** The timeline of a document's versions, by day, and what can be done from it. */
import type { Version } from '@meshbook/core/api.ts'
import { nextRedo } from '@meshbook/core/history/undo-plan.ts'
import { useEffect } from 'preact/hooks'
import { useNotebook } from '../notebook/open-notebook.ts'
import { PanelTop } from '../notebook/panel-top.tsx'
import { Icon, type IconName } from '../shell/icons.tsx'
import { sidePanel } from '../state/layout.ts'
import { me, newestVersion } from '../state/mesh.ts'
import { nameVersion, redoAnywhere, undoAnywhere } from './history-actions.ts'
import type { HistoryStore } from './history-store.ts'
import { authorsText, byDay, sizeText, timeOf, whatText } from './version-words.ts'
import '../styles/history.css'

export function HistoryPanel() {
  const { history, link } = useNotebook()
  const connected = link.facts.value.hub === 'live'
  useEffect(() => {
    if (connected) void history.refresh()
  }, [history, connected])
  const news = newestVersion.value
  useEffect(() => {
    if (news?.document === history.document && connected) void history.load()
  }, [news])
  const versions = history.versions.value
  return (
    <aside class="side-panel history-panel" aria-label="Version history" onKeyDown={event => keys(event, history)}>
      <PanelTop title="History">
        <button
          type="button"
          class="icon-button small"
          aria-label="Name this version"
          title="Name this version"
          disabled={!connected}
          onClick={() => void nameVersion(history)}
        >
          <Icon name="bookmark" />
        </button>
      </PanelTop>
      {!connected && <Away known={versions !== undefined} />}
      {connected && history.problem.value && (
        <p class="panel-empty" role="alert">
          {history.problem.value.message}. {history.problem.value.hint}
        </p>
      )}
      {connected && versions?.length === 0 && <Empty />}
      {versions !== undefined && versions.length > 0 && (
        <>
          <Turns history={history} disabled={!connected} />
          <Timeline history={history} versions={versions} />
        </>
      )}
      {history.more.value && (
        <button type="button" class="button plain" onClick={() => void history.loadMore()}>
          Show older versions
        </button>
      )}
    </aside>
  )
}

function Away({ known }: { known: boolean }) {
  return (
    <p class="panel-empty notice-away">
      <Icon name="offline" />
      <span>
        The history is on the hub, which cannot be reached now. What you write meanwhile comes into it when it is back.
        {known && ' What is listed was loaded before.'}
      </span>
    </p>
  )
}

function Empty() {
  return (
    <div class="panel-empty">
      <p>No versions yet.</p>
      <p>
        One is recorded half a minute after a change, and every five minutes while you write: with its time and the
        device it came from. Choose one to see what changed, and to bring it back.
      </p>
    </div>
  )
}

function Turns({ history, disabled }: { history: HistoryStore; disabled: boolean }) {
  const redoable = 'version' in nextRedo(history.versions.value ?? [], me.value?.user ?? '')
  return (
    <div class="history-turns">
      <button type="button" class="button grow" disabled={disabled} onClick={() => void undoAnywhere(history)}>
        Undo my last change
      </button>
      {redoable && (
        <button type="button" class="button" disabled={disabled} onClick={() => void redoAnywhere(history)}>
          Redo
        </button>
      )}
    </div>
  )
}

function Timeline({ history, versions }: { history: HistoryStore; versions: readonly Version[] }) {
  return (
    <div class="timeline">
      {byDay(versions, Date.now()).map(day => (
        <section key={day.title} aria-label={day.title}>
          <h3>{day.title}</h3>
          <ul class="versions">
            {day.versions.map(version => (
              <li key={version.version}>
                <VersionRow history={history} version={version} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  )
}

const icons: Record<Version['authors'][number]['kind'], IconName> = {
  device: 'laptop',
  browser: 'user',
  program: 'code',
}

function VersionRow({ history, version }: { history: HistoryStore; version: Version }) {
  const chosen = history.selected.value === version.version
  const what = whatText(version)
  return (
    <button
      type="button"
      class="version-row"
      aria-current={chosen ? 'true' : undefined}
      onClick={() => {
        history.selected.value = version.version
      }}
    >
      <span class="version-line">
        <span class="version-time">{timeOf(version.at)}</span>
        {version.name !== null && (
          <span class="version-name ellipsis">
            <Icon name="bookmark" size={12} />
            <span class="ellipsis">{version.name}</span>
          </span>
        )}
        <span class="version-size" aria-hidden="true">
          {version.added > 0 && <span class="plus">+{version.added}</span>}
          {version.removed > 0 && <span class="minus">−{version.removed}</span>}
        </span>
        <span class="visually-hidden">, {sizeText(version)}, </span>
      </span>
      <span class="version-line muted">
        <Icon name={icons[version.authors[0]?.kind ?? 'program']} size={13} />
        <span class="ellipsis">
          {authorsText(version)}
          {what && ` ${what}`}
        </span>
      </span>
    </button>
  )
}

/** Up and down go from version to version, Escape goes back a step. */
function keys(event: KeyboardEvent, history: HistoryStore): void {
  if (event.key === 'Escape') {
    event.preventDefault()
    if (history.selected.value === undefined) sidePanel.value = undefined
    else history.selected.value = undefined
  }
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('.version-row')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next = rows[at + (event.key === 'ArrowDown' ? 1 : -1)]
  if (!next) return
  event.preventDefault()
  next.focus()
  next.click()
}
