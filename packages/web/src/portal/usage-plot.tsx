/** Bars of days: one is read at a time, by pointer, touch or arrow keys (PO14). */
import { dollars } from '@meshbook/core/task-words.ts'
import { useState } from 'preact/hooks'
import { dayWords, type PlotDay, scaleMarks, tokenWords } from './usage-days.ts'

const wordsOf = ({ day, microUsd, calls, tokens }: PlotDay): string =>
  calls === 0
    ? `${dayWords(day)}: nothing`
    : `${dayWords(day)}: ${dollars(microUsd)}, ${calls === 1 ? '1 question' : `${calls} questions`}, ${tokenWords(tokens)} tokens`

export function UsagePlot({ days }: { days: readonly PlotDay[] }) {
  const last = days.length - 1
  const [chosen, setAt] = useState<number | undefined>(undefined)
  const at = Math.min(chosen ?? last, last)
  const marks = scaleMarks(Math.max(...days.map(({ microUsd }) => microUsd)))
  const top = Math.max(1, marks.at(-1)!)
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key]
    if (to === undefined) return
    event.preventDefault()
    setAt(Math.max(0, Math.min(last, to)))
  }
  const read = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    setAt(Math.max(0, Math.min(last, Math.floor(((event.clientX - left) / width) * days.length))))
  }
  return (
    <figure class="plot">
      <figcaption class="plot-said">{wordsOf(days[at]!)}</figcaption>
      <div class="plot-scale" aria-hidden="true">
        {[...marks].reverse().map(mark => (
          <span key={mark} style={{ bottom: `${(100 * mark) / top}%` }}>
            {dollars(mark)}
          </span>
        ))}
      </div>
      <div
        class="plot-bars"
        role="slider"
        tabIndex={0}
        aria-label="Cost by day"
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={at}
        aria-valuetext={wordsOf(days[at]!)}
        onKeyDown={onKeyDown}
        onPointerMove={read}
        onPointerDown={read}
      >
        {marks.map(mark => (
          <i key={mark} class="plot-line" style={{ bottom: `${(100 * mark) / top}%` }} />
        ))}
        {days.map(({ day, microUsd, calls }, n) => (
          <span key={day} class="plot-day" data-read={n === at}>
            <span style={{ height: `${(100 * microUsd) / top}%` }} data-any={calls > 0} />
          </span>
        ))}
      </div>
      <div class="plot-days" aria-hidden="true">
        {[0, Math.floor(last / 2), last].map(n => (
          <span key={n}>{dayWords(days[n]!.day)}</span>
        ))}
      </div>
    </figure>
  )
}
