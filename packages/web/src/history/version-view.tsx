/** What a version changed, or how it differs from the text as it is now, in the place of the notebook. */
import type { Version } from '@meshbook/core/api.ts'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { useNotebook } from '../notebook/open-notebook.ts'
import { Icon } from '../shell/icons.tsx'
import { DiffView } from './diff-view.tsx'
import { shownRows } from './fold-rows.ts'
import { restoreVersion } from './history-actions.ts'
import type { Against, HistoryStore } from './history-store.ts'
import { authorsText, sizeText, whatText, whenOf } from './version-words.ts'
import '../styles/history.css'

export function VersionView() {
  const { history } = useNotebook()
  const version = history.find(history.selected.value)
  const heading = useRef<HTMLHeadingElement>(null)
  const back = () => {
    history.selected.value = undefined
  }
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      const elsewhere = (event.target as HTMLElement).closest('dialog, .popover') !== null
      if (event.key === 'Escape' && !event.defaultPrevented && !elsewhere) back()
    }
    addEventListener('keydown', keys)
    return () => removeEventListener('keydown', keys)
  }, [history])
  useEffect(() => {
    // Where there is room for one thing only, the list that had the focus is gone.
    if (matchMedia('(max-width: 1000px)').matches) heading.current?.focus()
  }, [version?.version])
  if (!version) return null
  return (
    <div class="column version-view">
      <div class="version-top">
        <button type="button" class="button plain back" onClick={back}>
          <Icon name="chevron" class="back" size={13} />
          Back
        </button>
        <div class="grow">
          <h2 ref={heading} tabIndex={-1}>
            {version.name ?? `Version of ${whenOf(version.at, Date.now())}`}
          </h2>
          <p class="muted">
            {version.name !== null && `${whenOf(version.at, Date.now())} · `}
            {authorsText(version)} {whatText(version)} · {sizeText(version)}
          </p>
        </div>
        <RestoreButton history={history} version={version} />
      </div>
      <AgainstChoice history={history} />
      <Comparison key={`${version.version} ${history.against.value}`} history={history} version={version} />
    </div>
  )
}

function RestoreButton({ history, version }: { history: HistoryStore; version: Version }) {
  const { link } = useNotebook()
  return (
    <button
      type="button"
      class="button primary"
      disabled={link.facts.value.hub !== 'live'}
      onClick={() => void restoreVersion(history, version)}
    >
      <Icon name="history" size={14} />
      Restore this version
    </button>
  )
}

const choices: readonly { value: Against; label: string }[] = [
  { value: 'before', label: 'What changed then' },
  { value: 'now', label: 'What changed since' },
]

function AgainstChoice({ history }: { history: HistoryStore }) {
  return (
    <fieldset class="choice">
      <legend class="visually-hidden">Compare</legend>
      {choices.map(({ value, label }) => (
        <label key={value}>
          <input
            type="radio"
            name="against"
            checked={history.against.value === value}
            onChange={() => {
              history.against.value = value
            }}
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  )
}

type Texts = { before: string; after: string } | { problem: string } | undefined

function Comparison({ history, version }: { history: HistoryStore; version: Version }) {
  const live = useLiveText()
  const [texts, setTexts] = useState<Texts>(undefined)
  const against = history.against.value
  useEffect(() => {
    let dropped = false
    load(history, version.version, against)
      .then(found => dropped || setTexts(found))
      .catch(thrown => dropped || setTexts({ problem: problemText(thrown) }))
    return () => {
      dropped = true
    }
  }, [])
  const after = against === 'now' ? live : texts && 'after' in texts ? texts.after : ''
  const rows = useMemo(() => (texts && 'before' in texts ? shownRows(texts.before, after) : []), [texts, after])
  if (texts && 'problem' in texts)
    return (
      <p class="panel-empty" role="alert">
        {texts.problem}
      </p>
    )
  if (!texts) return <p class="faint panel-empty">Loading…</p>
  return <DiffView rows={rows} same={against === 'now' ? 'The text is the same now.' : 'No line changed.'} />
}

/** `before` of a comparison with the text now is the version itself: what came since is what is added. */
async function load(history: HistoryStore, version: number, against: Against): Promise<Texts> {
  const text = await history.text(version)
  if (against === 'now') return { before: text, after: '' }
  const older = await history.before(version)
  return { before: older ? await history.text(older.version) : '', after: text }
}

function problemText(thrown: unknown): string {
  const error = asApiError(thrown)
  if (error.code === 'UNREACHABLE' || error.code === 'TIMEOUT')
    return 'The text of this version is on the hub, which cannot be reached now.'
  return [error.message, error.hint].join('. ')
}

const settleMs = 250

/** The text of the notebook, a moment after each change. */
function useLiveText(): string {
  const { store } = useNotebook()
  const [text, setText] = useState(() => store.text.toString())
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = store.onText(() => {
      timer ??= setTimeout(() => {
        timer = undefined
        setText(store.text.toString())
      }, settleMs)
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [store])
  return text
}
