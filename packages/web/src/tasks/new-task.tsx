/** Gives a task: the repository, what is to be done, and what it may do and cost (TP10). */
import './tasks.css'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { isBranch } from '@meshbook/core/task-events.ts'
import type { NewTask, ToolRule } from '@meshbook/core/tasks-api.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { forgetDraft, keepDraft, readDraft } from './draft.ts'
import { tasks } from './known-tasks.ts'
import { RepoField, repoProblem } from './repo-field.tsx'
import { useAgents } from './use-agents.ts'
import { type Wish, wishedTask } from './wished-task.ts'

/** What a person would want to decide about, each with the tools that it stands for. */
const powers: readonly { name: keyof Wish['rules']; label: string }[] = [
  { name: 'files', label: 'Change files' },
  { name: 'shell', label: 'Run commands' },
  { name: 'cells', label: 'Run cells on your devices' },
]
const ruleWords: Record<'' | ToolRule, string> = {
  '': 'Default',
  auto: 'By itself',
  ask: 'Ask me each time',
  never: 'Never',
}

export interface NewTaskProps {
  /** Resolves when it is at the hub, or stored where it will be sent from. */
  give(task: NewTask & { id: string }): Promise<void>
  action: string
}

export function NewTaskForm({ give, action }: NewTaskProps) {
  const [wish, setWish] = useState<Wish>(readDraft)
  const agents = useAgents()
  const agent = agents.some(name => name === wish.agent) ? wish.agent : ''
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  /** The same words keep their id, however often they are sent. */
  const named = useRef({ words: '', id: '' })
  useEffect(() => keepDraft(wish), [wish])
  const change = (next: Partial<Wish>) => setWish(before => ({ ...before, ...next }))
  const submit = async (event: Event) => {
    event.preventDefault()
    const wrong = problemOf(wish)
    if (wrong !== '') return setProblem(wrong)
    setBusy(true)
    setProblem('')
    try {
      const task = wishedTask({ ...wish, agent })
      const words = JSON.stringify(task)
      if (named.current.words !== words) named.current = { words, id: newId('run', Date.now(), systemRandom) }
      await give({ ...task, id: named.current.id } as NewTask & { id: string })
      forgetDraft(wish)
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form class="task-form" onSubmit={event => void submit(event)} noValidate>
      <label>
        What is to be done
        <textarea
          class="field task-prompt"
          rows={5}
          value={wish.prompt}
          placeholder="Mend the failing test in src/sum.test.ts, and say what was wrong."
          onInput={event => change({ prompt: event.currentTarget.value })}
        />
      </label>
      <RepoField value={wish.repo} set={repo => change({ repo })} list="task-repos" />
      <datalist id="task-repos">
        {[...new Set([...tasks.value.values()].map(({ repo }) => repo))].map(repo => (
          <option key={repo} value={repo} />
        ))}
      </datalist>
      <div class="task-fields">
        <Text label="Begin from branch" hint="its default" value={wish.base} set={base => change({ base })} />
        {agents.length > 1 && (
          <label>
            Agent
            <select class="field" value={agent} onChange={event => change({ agent: event.currentTarget.value })}>
              {agents.map((name, at) => (
                <option key={name} value={at === 0 ? '' : name}>
                  {at === 0 ? 'Meshbook, the hub’s own' : name.replace(/^acp:/, '')}
                </option>
              ))}
            </select>
          </label>
        )}
        <Text label="Model" hint="the hub's" value={wish.model} set={model => change({ model })} />
        <Text
          label="Budget in dollars"
          hint="the hub's"
          isNumber
          value={wish.budget}
          set={budget => change({ budget })}
        />
      </div>
      <fieldset class="task-powers">
        <legend>What it may do</legend>
        <div class="task-fields">
          {powers.map(({ name, label }) => (
            <label key={name}>
              {label}
              <select
                class="field"
                value={wish.rules[name]}
                onChange={event =>
                  change({ rules: { ...wish.rules, [name]: event.currentTarget.value as '' | ToolRule } })
                }
              >
                {Object.entries(ruleWords).map(([value, words]) => (
                  <option key={value} value={value}>
                    {words}
                  </option>
                ))}
              </select>
            </label>
          ))}
        </div>
        <label class="task-check">
          <input
            type="checkbox"
            checked={wish.pullRequest}
            onChange={event => change({ pullRequest: event.currentTarget.checked })}
          />
          <span>Open a pull request when it is done</span>
        </label>
      </fieldset>
      {problem !== '' && (
        <p class="notice bad note" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class="button primary" disabled={busy}>
        {busy ? 'Sending…' : action}
      </button>
    </form>
  )
}

function Text(props: { label: string; hint: string; value: string; isNumber?: boolean; set(value: string): void }) {
  const { label, hint, value, isNumber, set } = props
  return (
    <label>
      {label}
      <input
        class="field"
        inputMode={isNumber ? 'decimal' : 'text'}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        placeholder={hint}
        value={value}
        onInput={event => set(event.currentTarget.value)}
      />
    </label>
  )
}

function problemOf({ prompt, repo, base, budget }: Wish): string {
  if (prompt.trim() === '') return 'Say what is to be done.'
  if (repoProblem(repo) !== '') return repoProblem(repo)
  if (base.trim() !== '' && !isBranch(base.trim())) return 'That is no name of a branch.'
  if (budget.trim() !== '' && !(Number(budget) > 0)) return 'The budget is an amount of dollars, such as 2.50.'
  return ''
}
