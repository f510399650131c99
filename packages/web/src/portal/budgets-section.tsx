/** What may be spent in a month: for each project, and for everything (PO40). */
import type { Project } from '@meshbook/core/api.ts'
import { alertPercents, type MonthBudget } from '@meshbook/core/models-api.ts'
import { dollars } from '@meshbook/core/task-words.ts'
import { useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { confirmed } from '../shell/ask.ts'
import { projects } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { Shown, useLoaded } from './loaded.tsx'
import { portalApi } from './portal-api.ts'

export function BudgetsSection() {
  const budgets = useLoaded(portalApi.budgets)
  const own = (projects.value ?? []).filter(({ roles }) => roles === undefined)
  return (
    <section class="budgets" aria-labelledby="budgets">
      <h2 id="budgets">Budgets of each month</h2>
      <p class="part-about">
        A call that could exceed one is refused before it is sent. At 50, 80 and 100 % you are told, by the ways that
        you have chosen. A month begins at midnight UTC.
      </p>
      <Shown loaded={budgets}>
        {list => (
          <>
            {list.length === 0 && (
              <p class="faint">There is no budget: what tasks and virtual keys may cost is set with each.</p>
            )}
            <ul class="part-list">
              {list.map(budget => (
                <BudgetRow key={budget.project ?? 'all'} budget={budget} changed={budgets.load} />
              ))}
            </ul>
            <NewBudget own={own} known={list} made={budgets.load} />
          </>
        )}
      </Shown>
    </section>
  )
}

const nameOf = ({ project, name }: Pick<MonthBudget, 'project' | 'name'>): string =>
  project === null ? 'Everything' : (name ?? 'A project that is gone')

function BudgetRow({ budget, changed }: { budget: MonthBudget; changed(): Promise<void> }) {
  const { project, month, spentMicroUsd: spent, heldMicroUsd: held, toldPercent } = budget
  const cap = budget.capMicroUsd ?? 0
  const name = nameOf(budget)
  const percent = cap === 0 ? 0 : Math.floor((100 * spent) / cap)
  const remove = async () => {
    const text = 'From the next call on nothing but the budgets of tasks and virtual keys holds.'
    if (!(await confirmed({ title: `Take the budget of ${name} away?`, text, action: 'Take it away', danger: true })))
      return
    await portalApi.setBudget(project, null).catch(thrown => report(thrown, 'The budget is as it was'))
    await changed()
  }
  return (
    <li class="part-row">
      <div class="part-words">
        <strong>
          {name}
          {toldPercent > 0 && (
            <span class={`pill ${toldPercent >= 100 ? 'bad' : toldPercent >= 80 ? 'warn' : ''}`}>
              {toldPercent >= 100 ? 'Used up' : `Over ${toldPercent} %`}
            </span>
          )}
        </strong>
        <span>
          {dollars(spent)} of {dollars(cap)} in {month}: {percent} %
          {held > 0 && <span class="faint">, and {dollars(held)} held for calls under way</span>}
        </span>
        <span class="budget-bar" data-tone={percent >= 100 ? 'bad' : percent >= 80 ? 'warn' : ''} aria-hidden="true">
          <span style={{ width: `${Math.min(100, percent)}%` }} />
          {alertPercents.map(one => (
            <i key={one} style={{ left: `${one}%` }} />
          ))}
        </span>
      </div>
      <div class="part-actions">
        <button
          type="button"
          class="button danger"
          aria-label={`Take away the budget of ${name}`}
          onClick={() => void remove()}
        >
          Take away
        </button>
      </div>
    </li>
  )
}

interface NewBudgetProps {
  own: readonly Project[]
  known: readonly MonthBudget[]
  made(): Promise<void>
}

function NewBudget({ own, known, made }: NewBudgetProps) {
  const [project, setProject] = useState('')
  const [amount, setAmount] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const isKnown = known.some(budget => (budget.project ?? '') === project)
  const submit = async (event: Event) => {
    event.preventDefault()
    const microUsd = Math.round(Number(amount) * 1e6)
    if (amount.trim() === '' || !(microUsd > 0)) return setProblem('The budget is an amount of dollars, such as 50.')
    setBusy(true)
    setProblem('')
    try {
      await portalApi.setBudget(project === '' ? null : project, microUsd)
      setAmount('')
      await made()
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
    }
    setBusy(false)
  }
  return (
    <form class="part-form in-line" onSubmit={event => void submit(event)} noValidate>
      <label>
        Budget for
        <select class="field" value={project} onChange={event => setProject(event.currentTarget.value)}>
          <option value="">Everything</option>
          {own.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Dollars a month
        <input
          class="field"
          inputMode="decimal"
          autocomplete="off"
          value={amount}
          placeholder="50"
          onInput={event => setAmount(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button" disabled={busy}>
        {isKnown ? 'Change it' : 'Set it'}
      </button>
      {problem !== '' && (
        <p class="notice bad note" role="alert">
          {problem}
        </p>
      )}
    </form>
  )
}
