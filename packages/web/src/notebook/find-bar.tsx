/** The bar to find and replace in the whole notebook. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Icon } from '../shell/icons.tsx'
import { stepFind } from './find-actions.ts'
import { markFound } from './find-marks.ts'
import { replaceFound, showFound } from './find-places.ts'
import { findOf } from './find-store.ts'
import { useNotebook } from './open-notebook.ts'

export function FindBar() {
  const notebook = useNotebook()
  const find = findOf(notebook)
  const { text, caseSensitive, pattern } = find.query.value
  const replacing = find.open.value === 'replace'
  const result = find.result.value
  const field = useRef<HTMLInputElement>(null)
  // The bar may come a while after it was asked for, and the page obeys `autofocus` only once.
  useLayoutEffect(() => field.current?.select(), [])
  useEffect(() => {
    if (result.found.length > 0) void showFound(notebook)
  }, [text, caseSensitive, pattern, result.found.length > 0, find.steps.value])
  useEffect(() => markFound(notebook), [notebook])
  const close = () => {
    find.hide()
    notebook.select(notebook.selected.peek())
  }
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape') close()
    else if (event.key === 'Enter') stepFind(notebook, event.shiftKey ? -1 : 1)
    else return
    event.preventDefault()
  }
  return (
    <search class="find" aria-label="Find in the notebook">
      <div class="find-row">
        <button
          type="button"
          class="icon-button small"
          aria-label="Replace"
          aria-expanded={replacing}
          title="Replace (Ctrl Alt F)"
          onClick={() => find.show(replacing ? 'find' : 'replace')}
        >
          <Icon name={replacing ? 'down' : 'chevron'} />
        </button>
        <input
          ref={field}
          class="field"
          aria-label="Find"
          placeholder="Find"
          value={text}
          spellcheck={false}
          autocomplete="off"
          onInput={event => find.ask({ text: event.currentTarget.value })}
          onKeyDown={keys}
        />
        <Toggle label="Match case" text="Aa" on={caseSensitive} set={on => find.ask({ caseSensitive: on })} />
        <Toggle label="Regular expression" text=".*" on={pattern} set={on => find.ask({ pattern: on })} />
        <span class="find-count" role="status">
          {countWords(result, find.at.value, text)}
        </span>
        <IconAction label="Place before (Shift Enter)" icon="up" run={() => stepFind(notebook, -1)} />
        <IconAction label="Next place (Enter)" icon="downArrow" run={() => stepFind(notebook, 1)} />
        <IconAction label="Close the search (Esc)" icon="close" run={close} />
      </div>
      {replacing && <ReplaceRow onEscape={close} />}
      {result.problem && (
        <p class="find-problem" role="alert">
          {result.problem}
        </p>
      )}
    </search>
  )
}

function ReplaceRow({ onEscape }: { onEscape: () => void }) {
  const notebook = useNotebook()
  const find = findOf(notebook)
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape') onEscape()
    else if (event.key === 'Enter') void replaceFound(notebook, 'this')
    else return
    event.preventDefault()
  }
  const none = find.result.value.found.length === 0 || !notebook.mayWrite
  return (
    <div class="find-row">
      <input
        class="field find-replacement"
        aria-label="Replace with"
        placeholder="Replace with"
        value={find.replacement.value}
        spellcheck={false}
        autocomplete="off"
        onInput={event => {
          find.replacement.value = event.currentTarget.value
        }}
        onKeyDown={keys}
      />
      <button type="button" class="button small" disabled={none} onClick={() => void replaceFound(notebook, 'this')}>
        Replace
      </button>
      <button type="button" class="button small" disabled={none} onClick={() => void replaceFound(notebook, 'all')}>
        Replace all
      </button>
    </div>
  )
}

function countWords(
  { found, more, problem }: { found: readonly unknown[]; more: boolean; problem?: string },
  at: number,
  text: string,
): string {
  if (text === '' || problem) return ''
  if (found.length === 0) return 'Nothing found'
  return `${(at + 1).toLocaleString()} of ${found.length.toLocaleString()}${more ? '+' : ''}`
}

interface ToggleProps {
  label: string
  text: string
  on: boolean
  set: (on: boolean) => void
}

function Toggle({ label, text, on, set }: ToggleProps) {
  return (
    <button
      type="button"
      class="icon-button small find-toggle"
      aria-label={label}
      title={label}
      aria-pressed={on}
      onClick={() => set(!on)}
    >
      {text}
    </button>
  )
}

function IconAction({ label, icon, run }: { label: string; icon: 'up' | 'downArrow' | 'close'; run: () => void }) {
  return (
    <button type="button" class="icon-button small" aria-label={label} title={label} onClick={run}>
      <Icon name={icon} />
    </button>
  )
}
