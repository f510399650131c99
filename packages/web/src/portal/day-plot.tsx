/** Bars of days: one is read at a time, by pointer, touch or arrow keys (PO14, PO50). */
import { useState } from 'preact/hooks'
import { dayWords, scaleMarks } from './usage-days.ts'

export interface Bar {
  /** `2026-01-31`, of UTC. */
  day: string
  value: number
  /** Shown, however low. */
  any: boolean
  /** What is said of it after its day. */
  said: string
}

interface DayPlotProps {
  label: string
  bars: readonly Bar[]
  mark(value: number): string
  isSmall?: boolean
}

export function DayPlot({ label, bars, mark: words, isSmall = false }: DayPlotProps) {
  const last = bars.length - 1
  const [chosen, setAt] = useState<number | undefined>(undefined)
  const at = Math.min(chosen ?? last, last)
  const said = `${dayWords(bars[at]!.day)}: ${bars[at]!.said}`
  const marks = scaleMarks(Math.max(...bars.map(({ value }) => value)))
  const top = Math.max(1, marks.at(-1)!)
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key]
    if (to === undefined) return
    event.preventDefault()
    setAt(Math.max(0, Math.min(last, to)))
  }
  const read = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    setAt(Math.max(0, Math.min(last, Math.floor(((event.clientX - left) / width) * bars.length))))
  }
  return (
    <figure class="plot" data-small={isSmall}>
      <figcaption class="plot-said">{said}</figcaption>
      <div class="plot-scale" aria-hidden="true">
        {[...marks].reverse().map(mark => (
          <span key={mark} style={{ bottom: `${(100 * mark) / top}%` }}>
            {words(mark)}
          </span>
        ))}
      </div>
      <div
        class="plot-bars"
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={at}
        aria-valuetext={said}
        onKeyDown={onKeyDown}
        onPointerMove={read}
        onPointerDown={read}
      >
        {marks.map(mark => (
          <i key={mark} class="plot-line" style={{ bottom: `${(100 * mark) / top}%` }} />
        ))}
        {bars.map(({ day, value, any }, n) => (
          <span key={day} class="plot-day" data-read={n === at}>
            <span style={{ height: `${(100 * value) / top}%` }} data-any={any} />
          </span>
        ))}
      </div>
      <div class="plot-days" aria-hidden="true">
        {[0, Math.floor(last / 2), last].map(n => (
          <span key={n}>{dayWords(bars[n]!.day)}</span>
        ))}
      </div>
    </figure>
  )
}
