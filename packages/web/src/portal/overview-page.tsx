/** What wants a person now, and how much was run and spent by day (PO50). */
import './pages-portal.css'
import type { MonthBudget } from '@meshbook/core/models-api.ts'
import { dollars } from '@meshbook/core/task-words.ts'
import { useEffect, useState } from 'preact/hooks'
import { openGates } from '../gates/gate-store.ts'
import { report } from '../state/toasts.ts'
import { rememberTasks, tasks } from '../tasks/known-tasks.ts'
import { tasksApi } from '../tasks/tasks-api.ts'
import { CostPlot, callWords } from './cost-plot.tsx'
import { DayPlot } from './day-plot.tsx'
import { Shown, useLoaded } from './loaded.tsx'
import { portalApi } from './portal-api.ts'
import { Segments } from './segments.tsx'
import { Tile } from './tile.tsx'
import { plotDays, type RunDay, runDays, startOfDays, tokenWords } from './usage-days.ts'

const ranges = [7, 30, 90] as const

export function OverviewPage() {
  const [days, setDays] = useState<(typeof ranges)[number]>(30)
  const [to] = useState(() => Date.now())
  const until = to + 60_000
  const found = useLoaded(async () => {
    const from = startOfDays(to, days)
    const [usage, activity] = await Promise.all([portalApi.usage(from, until), portalApi.activity(from, until)])
    return { usage, activity, days }
  }, [days])
  return (
    <>
      <Now />
      <Segments
        label="Time"
        name="days"
        value={days}
        set={one => setDays(one)}
        of={ranges.map(one => [one, `${one} days`] as const)}
      />
      <Shown loaded={found}>
        {({ usage, activity, days: shown }) => {
          const costs = plotDays(usage, to, shown)
          const tokens = costs.map(one => ({ ...one, value: one.tokens, any: one.tokens > 0, said: callWords(one) }))
          const runs = runDays(activity, to, shown)
          const bars = runs.map(one => ({ ...one, value: one.runs, any: one.runs > 0, said: runWords(one) }))
          return (
            <div class="plots">
              <section aria-labelledby="plot-runs">
                <h2 id="plot-runs">Runs</h2>
                <DayPlot label="Runs by day" bars={bars} mark={count => count.toLocaleString()} isSmall />
              </section>
              <section aria-labelledby="plot-cost">
                <h2 id="plot-cost">Cost</h2>
                <CostPlot days={costs} isSmall />
              </section>
              <section aria-labelledby="plot-tokens">
                <h2 id="plot-tokens">Tokens</h2>
                <DayPlot label="Tokens by day" bars={tokens} mark={tokenWords} isSmall />
              </section>
            </div>
          )
        }}
      </Shown>
      <p class="faint">Days are those of UTC.</p>
    </>
  )
}

function runWords({ runs, failed }: RunDay): string {
  if (runs === 0) return 'nothing'
  return `${runs === 1 ? '1 run' : `${runs.toLocaleString()} runs`}${failed > 0 ? `, ${failed} of them failed` : ''}`
}

/** What wants a person, or is at work. */
function Now() {
  const budgets = useLoaded(portalApi.budgets)
  useEffect(() => {
    tasksApi
      .page({ open: '1' })
      .then(({ items }) => rememberTasks(items))
      .catch(thrown => report(thrown, 'The tasks could not be loaded'))
  }, [])
  const atWork = [...tasks.value.values()].filter(({ endedAt }) => endedAt === null).length
  const [fullest] = [...(budgets.value ?? [])].sort((a, b) => partOf(b) - partOf(a))
  return (
    <dl class="tiles now">
      <Tile name="Decisions that wait" value={openGates.value.length.toLocaleString()} to="/portal/gates" />
      <Tile name="Tasks at work" value={atWork.toLocaleString()} to="/portal/tasks" />
      <Tile
        name={fullest ? `Of the budget of ${fullest.name ?? 'everything'}` : 'Budgets of this month'}
        value={fullest ? `${Math.floor(100 * partOf(fullest))} %` : 'none'}
        to="/portal/usage"
      />
      {fullest && <Tile name="Spent of it this month" value={dollars(fullest.spentMicroUsd)} to="/portal/usage" />}
    </dl>
  )
}

const partOf = ({ spentMicroUsd, capMicroUsd }: MonthBudget): number => spentMicroUsd / Math.max(1, capMicroUsd ?? 0)
