/** What can be done with a run: cancel, run again, send a signal, raise its budget (PO74). */
import { dollars } from '@meshbook/core/task-words.ts'
import type { NewWorkflowRun, WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { useState } from 'preact/hooks'
import { go } from '../portal/place.ts'
import { confirmed } from '../shell/ask.ts'
import { Icon } from '../shell/icons.tsx'
import { signalValue } from './fields.ts'
import { useKeptId } from './kept-id.ts'
import { Problem, problemWords } from './problem-words.tsx'
import { workflowRunAt } from './run-row.tsx'
import type { ShownRun } from './shown-run.ts'
import { keepStartDraft } from './start-draft.ts'
import { workflowsApi } from './workflows-api.ts'

interface RunActionsProps {
  run: WorkflowRun
  shown: ShownRun
  isOver: boolean
  changed(run: WorkflowRun): void
}

export function RunActions({ run, shown, isOver, changed }: RunActionsProps) {
  const [form, setForm] = useState<'signal' | 'budget' | undefined>(undefined)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const named = useKeptId(Date.now)
  const { began, cancel } = shown.state
  const tried = async (work: () => Promise<void>) => {
    setBusy(true)
    setProblem('')
    try {
      await work()
    } catch (thrown) {
      setProblem(problemWords(thrown))
    }
    setBusy(false)
  }
  const stop = async () => {
    const isSure = await confirmed({
      title: `Cancel this run of ${run.name}?`,
      text: 'Steps that go on are stopped, and no other begins. What has ended stays as it is.',
      action: 'Cancel the run',
      danger: true,
    })
    if (isSure) await tried(async () => changed(await workflowsApi.cancel(run.id)))
  }
  const again = () =>
    tried(async () => {
      const files = await workflowsApi.files(run.id)
      const body = { ...files, project: run.project, inputs: began?.inputs ?? {} }
      const made = await workflowsApi.start({ ...body, id: named.idOf(body) } as NewWorkflowRun)
      named.sent()
      go(workflowRunAt(made.id))
    })
  const withOthers = () =>
    tried(async () => {
      keepStartDraft({
        ...(await workflowsApi.files(run.id)),
        project: run.project,
        inputs: began?.inputs ?? {},
      })
      go('/portal/workflows/new')
    })
  const turn = (to: typeof form) => setForm(form === to ? undefined : to)
  return (
    <>
      <div class="part-actions flow-actions">
        {!isOver && (
          <>
            <button type="button" class="button danger" disabled={busy || cancel !== null} onClick={() => void stop()}>
              {cancel === null ? 'Cancel…' : 'Is cancelled…'}
            </button>
            <button type="button" class="button" aria-expanded={form === 'signal'} onClick={() => turn('signal')}>
              Send a signal…
            </button>
            <button type="button" class="button" aria-expanded={form === 'budget'} onClick={() => turn('budget')}>
              Change the budget…
            </button>
          </>
        )}
        {began && (
          <>
            <button type="button" class="button" disabled={busy} onClick={() => void again()}>
              <Icon name="restart" size={14} />
              Run again
            </button>
            <button type="button" class="button" disabled={busy} onClick={() => void withOthers()}>
              Run with changes…
            </button>
          </>
        )}
      </div>
      <Problem text={problem} />
      {form === 'signal' && !isOver && <SignalForm run={run} shown={shown} sent={changed} />}
      {form === 'budget' && !isOver && <BudgetForm run={run} shown={shown} sent={changed} />}
    </>
  )
}

interface SendFormProps {
  run: WorkflowRun
  shown: ShownRun
  sent(run: WorkflowRun): void
}

/** Signals that a step waits for now. */
function waitedFor(shown: ShownRun): string[] {
  const names = Object.values(shown.state.root.steps).flatMap(({ status, signal }) =>
    status === 'waiting' && signal !== null ? [signal] : [],
  )
  return [...new Set(names)]
}

function SignalForm({ run, shown, sent }: SendFormProps) {
  const known = waitedFor(shown)
  const [name, setName] = useState(known[0] ?? '')
  const [text, setText] = useState('')
  const [problem, setProblem] = useState('')
  const [said, setSaid] = useState('')
  const named = useKeptId(Date.now)
  const send = async (event: Event) => {
    event.preventDefault()
    setSaid('')
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name.trim()))
      return setProblem('Give the name of the signal: letters, digits and _.')
    setProblem('')
    try {
      const body = { name: name.trim(), value: signalValue(text) }
      const next = await workflowsApi.signal(run.id, { ...body, id: named.idOf(body) })
      named.sent()
      setSaid(`${body.name} is sent.`)
      sent(next)
    } catch (thrown) {
      setProblem(problemWords(thrown))
    }
  }
  return (
    <form class="part-form boxed-form" aria-label="Send a signal" onSubmit={event => void send(event)} noValidate>
      <div class="part-fields">
        <label>
          Signal
          <input
            class="field"
            list="flow-signals"
            autocomplete="off"
            spellcheck={false}
            value={name}
            onInput={event => setName(event.currentTarget.value)}
          />
        </label>
        <label>
          Value
          <input
            class="field"
            autocomplete="off"
            spellcheck={false}
            placeholder={'Nothing, a text, or JSON: {"n": 3}'}
            value={text}
            onInput={event => setText(event.currentTarget.value)}
          />
        </label>
      </div>
      <datalist id="flow-signals">
        {known.map(one => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <p class="faint">
        {known.length === 0
          ? 'No step waits for a signal now; it is kept for one that will.'
          : `The run waits for ${known.join(', ')}.`}
      </p>
      <Problem text={problem} />
      <div class="part-actions">
        <button type="submit" class="button primary">
          Send it
        </button>
        <span role="status">{said}</span>
      </div>
    </form>
  )
}

function BudgetForm({ run, shown, sent }: SendFormProps) {
  const { budget, spent } = shown.state
  const [text, setText] = useState('')
  const [problem, setProblem] = useState('')
  const [said, setSaid] = useState('')
  const send = async (event: Event) => {
    event.preventDefault()
    setSaid('')
    const microUsd = Math.round(Number(text.trim()) * 1e6)
    if (text.trim() === '' || !Number.isSafeInteger(microUsd) || microUsd <= 0)
      return setProblem('Give what it may cost in all, in dollars, such as 5.')
    if (budget !== null && microUsd <= budget) return setProblem(`It may cost ${dollars(budget)} already: give more.`)
    setProblem('')
    try {
      const next = await workflowsApi.budget(run.id, microUsd)
      setSaid(`It may cost ${dollars(microUsd)} now.`)
      sent(next)
    } catch (thrown) {
      setProblem(problemWords(thrown))
    }
  }
  return (
    <form class="part-form boxed-form" aria-label="Change the budget" onSubmit={event => void send(event)} noValidate>
      <label>
        Dollars that it may cost in all
        <input
          class="field flow-short"
          inputMode="decimal"
          autocomplete="off"
          value={text}
          onInput={event => setText(event.currentTarget.value)}
        />
      </label>
      <p class="faint">
        {budget === null ? 'It has no budget' : `Its budget is ${dollars(budget)}`}, and it has cost {dollars(spent)}.
      </p>
      <Problem text={problem} />
      <div class="part-actions">
        <button type="submit" class="button primary">
          Set the budget
        </button>
        <span role="status">{said}</span>
      </div>
    </form>
  )
}
