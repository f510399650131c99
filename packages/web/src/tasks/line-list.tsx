/** Lines of text beside their numbers, and what is drawn later of much (TP4, TP7). */
import { useState } from 'preact/hooks'

export interface Line {
  number: number | ''
  text: string
  kind?: string
}

export interface LineListProps {
  label: string
  lines: readonly Line[]
  /** So many are drawn at a time. */
  step: number
  class?: string
}

export function LineList({ label, lines, step, class: more = '' }: LineListProps) {
  const [drawn, setDrawn] = useState(step)
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what is scrolled must be reached by keys. */}
      <section class={`task-lines ${more}`} tabIndex={0} aria-label={label}>
        <div>
          {lines.slice(0, drawn).map(({ number, text, kind = '' }, at) => (
            <div key={at} class={`task-line ${kind}`}>
              <span class="task-number" data-number={number} />
              <code>{text}</code>
            </div>
          ))}
        </div>
      </section>
      <ShowMore left={lines.length - drawn} of="lines" onMore={() => setDrawn(drawn + step)} />
    </>
  )
}

export function ShowMore({ left, of, onMore }: { left: number; of: string; onMore(): void }) {
  if (left <= 0) return null
  return (
    <button type="button" class="button wide" onClick={onMore}>
      Show more of {left.toLocaleString()} {of}
    </button>
  )
}
