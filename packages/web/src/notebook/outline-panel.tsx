/** The headings of the notebook and, below each, its cells. The place where the selection is, is marked. */
import { canonicalLanguage, commentOf } from '@meshbook/core/languages.ts'
import { signal } from '@preact/signals'
import { headingsOf } from '../prose/read-prose.ts'
import { optionsOf } from './cell-options.ts'
import { type OpenNotebook, useNotebook } from './open-notebook.ts'
import { PanelTop } from './panel-top.tsx'

interface Entry {
  key: string
  /** Which heading of its item; undefined for a cell. */
  at: number | undefined
  level: number
  text: string
}

const withCells = signal(false)

export function OutlinePanel() {
  const notebook = useNotebook()
  const entries = entriesOf(notebook)
  const shown = withCells.value ? entries : entries.filter(({ at }) => at !== undefined)
  const current = currentOf(notebook, shown)
  return (
    <aside class="side-panel" aria-label="Outline">
      <PanelTop title="Outline">
        <button
          type="button"
          class="button small plain"
          aria-pressed={withCells.value}
          onClick={() => {
            withCells.value = !withCells.value
          }}
        >
          Cells
        </button>
      </PanelTop>
      {shown.length === 0 && (
        <p class="panel-empty">
          Headings in the text show here. Write one with <code># Heading</code>.
        </p>
      )}
      <ul class="outline" onKeyDown={moveFocus}>
        {shown.map(entry => (
          <li key={`${entry.key}-${entry.at ?? 'cell'}`}>
            <button
              type="button"
              class={`side-row ${entry.at === undefined ? 'mono' : ''}`}
              aria-current={entry === current ? 'location' : undefined}
              style={{ paddingInlineStart: `${8 + (entry.level - 1) * 14}px` }}
              onClick={() => show(notebook, entry)}
            >
              <span class="ellipsis">{entry.text}</span>
            </button>
          </li>
        ))}
      </ul>
    </aside>
  )
}

function entriesOf({ store }: OpenNotebook): Entry[] {
  let level = 1
  return store.order.value.flatMap((key): Entry[] => {
    const view = store.view(key)?.value
    if (view?.kind === 'prose') {
      const headings = headingsOf(view.source)
      level = (headings.at(-1)?.level ?? level - 1) + 1
      return headings.map((heading, at) => ({ key, at, ...heading }))
    }
    if (view?.kind !== 'cell') return []
    return [{ key, at: undefined, level, text: optionsOf(view).label || firstLine(view.code, view.language) }]
  })
}

/** What the cell says first that is not an option. */
function firstLine(code: string, language: string): string {
  const mark = `${commentOf(canonicalLanguage(language))}|`
  const line = code.split('\n').find(each => each.trim() !== '' && !each.startsWith(mark))
  return line?.trim().slice(0, 80) ?? `Empty ${language} cell`
}

/** The last entry at or above the selected item. */
function currentOf({ store, selected }: OpenNotebook, entries: readonly Entry[]): Entry | undefined {
  if (selected.value === undefined) return undefined
  const places = new Map(store.order.value.map((key, at) => [key, at]))
  const here = places.get(selected.value) ?? -1
  return entries.findLast(({ key }) => places.get(key)! <= here)
}

function moveFocus(event: KeyboardEvent): void {
  const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (by === 0) return
  const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('button')]
  rows[rows.indexOf(document.activeElement as HTMLElement) + by]?.focus()
  event.preventDefault()
}

function show(notebook: OpenNotebook, { key, at }: Entry): void {
  notebook.selected.value = key
  const headings = '.prose :is(h1, h2, h3, h4, h5, h6)'
  void notebook.reveal(key, item => (at === undefined ? undefined : item.querySelectorAll(headings)[at]))
}
