/** What models cost by day (PO14). */
import { dollars } from '@meshbook/core/task-words.ts'
import { DayPlot } from './day-plot.tsx'
import { type PlotDay, tokenWords } from './usage-days.ts'

export const callWords = ({ microUsd, calls, tokens }: PlotDay): string =>
  calls === 0
    ? 'nothing'
    : `${dollars(microUsd)}, ${calls === 1 ? '1 question' : `${calls} questions`}, ${tokenWords(tokens)} tokens`

export function CostPlot({ days, isSmall = false }: { days: readonly PlotDay[]; isSmall?: boolean }) {
  const bars = days.map(one => ({ day: one.day, value: one.microUsd, any: one.calls > 0, said: callWords(one) }))
  return <DayPlot label="Cost by day" bars={bars} mark={dollars} isSmall={isSmall} />
}
