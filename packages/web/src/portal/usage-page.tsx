/** What models cost: by day as a plot, and where it went (PO14, PO15). */
import './pages-portal.css'
import type { UsageReport, UsageSum } from '@meshbook/core/models-api.ts'
import { dollars, taskTitle } from '@meshbook/core/task-words.ts'
import { useState } from 'preact/hooks'
import { BudgetsSection } from './budgets-section.tsx'
import { CostPlot } from './cost-plot.tsx'
import { Shown, useLoaded } from './loaded.tsx'
import { taskAt } from './page-at.ts'
import { portalApi } from './portal-api.ts'
import { Segments } from './segments.tsx'
import { StatementSection } from './statement-section.tsx'
import { Tile } from './tile.tsx'
import { dayWords, plotDays, startOfDays, tokensIn, tokenWords } from './usage-days.ts'

const ranges = [7, 30, 90] as const
type Range = (typeof ranges)[number]

export function UsagePage() {
  const [days, setDays] = useState<Range>(30)
  const [to] = useState(() => Date.now())
  const report = useLoaded(() => portalApi.usage(startOfDays(to, days), to + 60_000), [days])
  return (
    <>
      <Segments
        label="Time"
        name="days"
        value={days}
        set={one => setDays(one)}
        of={ranges.map(one => [one, `${one} days`])}
      />
      <Shown loaded={report}>
        {found => (found.total.calls === 0 ? <NoUsage days={days} /> : <Report report={found} to={to} days={days} />)}
      </Shown>
      <BudgetsSection />
      <StatementSection now={to} />
    </>
  )
}

function NoUsage({ days }: { days: number }) {
  return (
    <div class="empty boxed">
      <h2>No model was asked in {days} days</h2>
      <p>
        Every question that a task, or a program with a virtual key, asks a model passes through this hub, which counts
        its tokens and what they cost. They stand here by day, and by what they were for.
      </p>
      <a class="button" href="/portal/tasks/new">
        Give a task
      </a>
    </div>
  )
}

function Report({ report, to, days }: { report: UsageReport; to: number; days: number }) {
  const { total, heldMicroUsd } = report
  return (
    <>
      <dl class="tiles">
        <Tile name="Spent" value={dollars(total.microUsd)} />
        <Tile name="Questions" value={total.calls.toLocaleString()} />
        <Tile name="Tokens" value={tokenWords(tokensIn(total))} />
        <Tile name="Under way" value={dollars(heldMicroUsd)} />
      </dl>
      <section aria-labelledby="by-day">
        <h2 id="by-day">By day</h2>
        <CostPlot days={plotDays(report, to, days)} />
        <details class="part-more">
          <summary>As a table</summary>
          <Table
            about="What models cost by day, in UTC"
            first="Day"
            rows={report.days.map(sum => ({ key: sum.day, name: dayWords(sum.day), sum }))}
          />
        </details>
      </section>
      <Where report={report} />
    </>
  )
}

const whereNames = { tasks: 'Tasks', projects: 'Projects', models: 'Models', tokens: 'Virtual keys', users: 'People' }
type Where = keyof typeof whereNames

interface Row {
  key: string
  name: string
  to?: string
  note?: string
  cap?: number | null
  sum: UsageSum
}

function rowsOf(report: UsageReport, where: Where): Row[] {
  switch (where) {
    case 'tasks':
      return report.tasks.map(sum => ({
        key: sum.task,
        name: sum.prompt === null ? 'A task that was deleted' : taskTitle(sum.prompt, 80),
        ...(sum.prompt !== null && { to: taskAt(sum.task) }),
        cap: sum.budgetMicroUsd,
        sum,
      }))
    case 'projects':
      return report.projects.map(sum => ({ key: sum.project, name: sum.name ?? 'A project that is gone', sum }))
    case 'models':
      return report.models.map(sum => ({
        key: `${sum.provider} ${sum.price} ${sum.model}`,
        name: sum.model,
        note: sum.price === 'dearest' ? `${sum.provider}, of no known price: counted as the dearest` : sum.provider,
        sum,
      }))
    case 'tokens':
      return report.tokens.map(sum => ({ key: sum.token, name: sum.name ?? 'A key that was ended', sum }))
    case 'users':
      return report.users.map(sum => ({ key: sum.user, name: sum.user, sum }))
  }
}

const drawnRows = 12

function Where({ report }: { report: UsageReport }) {
  const [where, setWhere] = useState<Where>('tasks')
  const [isAll, setAll] = useState(false)
  const rows = rowsOf(report, where)
  const most = Math.max(1, ...rows.map(({ sum }) => sum.microUsd))
  return (
    <section aria-labelledby="where">
      <h2 id="where">Where it went</h2>
      <Segments
        label="By"
        name="where"
        value={where}
        set={one => setWhere(one)}
        of={Object.entries(whereNames) as [Where, string][]}
      />
      {rows.length === 0 && <p class="faint">Nothing went there.</p>}
      <ol class="shares">
        {(isAll ? rows : rows.slice(0, drawnRows)).map(({ key, name, to, note, cap, sum }) => (
          <li key={key} class="share">
            <span class="share-name">
              {to === undefined ? name : <a href={to}>{name}</a>}
              {note !== undefined && <span class="faint"> {note}</span>}
            </span>
            <span class="share-sum">
              {dollars(sum.microUsd)}
              {cap != null && <span class="faint"> of {dollars(cap)}</span>}
            </span>
            <span class="share-bar" aria-hidden="true" data-high={cap != null && sum.microUsd >= 0.8 * cap}>
              <span style={{ width: `${(100 * sum.microUsd) / most}%` }} />
            </span>
            <span class="share-note faint">
              {sum.calls === 1 ? '1 question' : `${sum.calls.toLocaleString()} questions`}, {tokenWords(tokensIn(sum))}{' '}
              tokens
              {cap != null && `, ${Math.round((100 * sum.microUsd) / cap)} % of its budget`}
            </span>
          </li>
        ))}
      </ol>
      {rows.length > drawnRows && !isAll && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show all {rows.length}
        </button>
      )}
      {rows.length > 0 && (
        <details class="part-more">
          <summary>As a table</summary>
          <Table
            about={`What models cost by ${whereNames[where].toLowerCase()}`}
            first={whereNames[where]}
            rows={rows}
          />
        </details>
      )}
    </section>
  )
}

function Table({ about, first, rows }: { about: string; first: string; rows: readonly Row[] }) {
  const hasBudget = rows.some(({ cap }) => cap != null)
  const counts = (sum: UsageSum) => [
    sum.calls,
    sum.usage.inputTokens,
    sum.usage.cacheReadTokens,
    sum.usage.outputTokens,
  ]
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what is scrolled must be reached by keys.
    <section class="table-scroll" tabIndex={0} aria-label={about}>
      <table class="numbers">
        <caption class="visually-hidden">{about}</caption>
        <thead>
          <tr>
            {[
              first,
              'Cost',
              ...(hasBudget ? ['Budget'] : []),
              'Questions',
              'Tokens in',
              'From cache',
              'Tokens out',
            ].map(name => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, name, cap, sum }) => (
            <tr key={key}>
              <th scope="row">{name}</th>
              <td>{dollars(sum.microUsd)}</td>
              {hasBudget && <td>{cap == null ? '–' : dollars(cap)}</td>}
              {counts(sum).map((count, at) => (
                <td key={at}>{count.toLocaleString()}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
