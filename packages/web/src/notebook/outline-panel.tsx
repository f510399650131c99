/** The headings of the notebook. */
import { Icon } from '../shell/icons.tsx'
import { sidePanel } from '../state/layout.ts'
import { renderer } from './markdown-view.tsx'
import { useNotebook } from './open-notebook.ts'

export function OutlinePanel() {
  const notebook = useNotebook()
  const headings = notebook.store.order.value.flatMap(key => {
    const view = notebook.store.view(key)?.value
    return view?.kind === 'prose'
      ? (renderer.value?.headingsOf(view.source) ?? []).map((heading, at) => ({ key, at, ...heading }))
      : []
  })
  return (
    <aside class="side-panel" aria-label="Outline">
      <PanelTop title="Outline" />
      {headings.length === 0 && (
        <p class="panel-empty">
          Headings in the text show here. Write one with <code># Heading</code>.
        </p>
      )}
      <ul class="outline">
        {headings.map(({ key, at, level, text }) => (
          <li key={`${key}-${at}`}>
            <button
              type="button"
              class="side-row"
              style={{ paddingInlineStart: `${8 + (level - 1) * 14}px` }}
              onClick={() => show(key, at)}
            >
              <span class="ellipsis">{text}</span>
            </button>
          </li>
        ))}
      </ul>
    </aside>
  )
}

export function PanelTop({ title, children }: { title: string; children?: preact.ComponentChildren }) {
  return (
    <div class="panel-top">
      <h2 class="grow">{title}</h2>
      {children}
      <button
        type="button"
        class="icon-button small"
        aria-label={`Close ${title.toLowerCase()}`}
        onClick={() => {
          sidePanel.value = undefined
        }}
      >
        <Icon name="close" />
      </button>
    </div>
  )
}

function show(key: string, at: number): void {
  const headings = document.getElementById(`item-${key}`)?.querySelectorAll('.prose :is(h1, h2, h3, h4, h5, h6)')
  headings?.[at]?.scrollIntoView({ block: 'start', behavior: 'smooth' })
}
