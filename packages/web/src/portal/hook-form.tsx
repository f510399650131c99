/** Makes a hook: for which repository, and what starts its tasks (PO16). */
import type { HookKind, MadeHook, NewHook } from '@meshbook/core/hooks-api.ts'
import { repoName } from '@meshbook/core/task-words.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { projects } from '../state/mesh.ts'
import { RepoField, repoProblem } from '../tasks/repo-field.tsx'
import { portalApi } from './portal-api.ts'

const kinds: readonly { kind: HookKind; name: string; about: string }[] = [
  { kind: 'github', name: 'GitHub', about: 'An issue or a comment' },
  { kind: 'gitlab', name: 'GitLab', about: 'An issue or a comment' },
  { kind: 'meshbook', name: 'A program', about: 'A signed order of your own' },
]

interface Fields {
  kind: HookKind
  name: string
  project: string
  repo: string
  label: string
  word: string
  people: string
  base: string
  model: string
  budget: string
}

const noFields: Fields = {
  kind: 'github',
  ...{ name: '', project: '', repo: '', label: 'agent', word: '/meshbook' },
  ...{ people: '', base: '', model: '', budget: '' },
}

export function HookForm({ done, leave }: { done(hook: MadeHook): void; leave(): void }) {
  const own = (projects.value ?? []).filter(({ roles }) => roles === undefined)
  const [fields, setFields] = useState(noFields)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [])
  const change = (more: Partial<Fields>) => setFields({ ...fields, ...more })
  const isOfHost = fields.kind !== 'meshbook'
  const submit = async (event: Event) => {
    event.preventDefault()
    const project = fields.project || own[0]?.id
    const wrong = project === undefined ? 'You have no project yet: make one among the notebooks.' : problemOf(fields)
    if (wrong !== '' || project === undefined) return setProblem(wrong)
    setBusy(true)
    try {
      done(await portalApi.makeHook(wishedHook(fields, project)))
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
      setBusy(false)
    }
  }
  const text = (name: Exclude<keyof Fields, 'kind'>, label: string, place: string, note = '') => (
    <label>
      {label}
      <input
        class="field"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={fields[name]}
        placeholder={place}
        onInput={event => change({ [name]: event.currentTarget.value })}
      />
      {note !== '' && <span class="faint">{note}</span>}
    </label>
  )
  return (
    <form class="part-form boxed-form" aria-label="Make a hook" onSubmit={event => void submit(event)} noValidate>
      <h2>Make a hook</h2>
      <fieldset class="kinds">
        <legend>Who calls it</legend>
        {kinds.map(({ kind, name, about }) => (
          <label key={kind} class="kind">
            <input type="radio" name="kind" checked={fields.kind === kind} onChange={() => change({ kind })} />
            <span>
              <strong>{name}</strong> <span class="faint">{about}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <RepoField value={fields.repo} set={repo => change({ repo })} field={first} />
      {isOfHost && (
        <div class="part-fields">
          {text('label', 'Label that starts a task', 'none', 'Whoever may put labels on issues can start tasks.')}
          {text('word', 'First word of a comment that does', 'none', 'Of people who may write to the repository.')}
          {text('people', 'And of these people', 'ada, kim', 'Names at the host, with commas between.')}
        </div>
      )}
      <details class="part-more">
        <summary>Name, project, branch, model, budget</summary>
        <div class="part-fields">
          {text('name', 'Name of the hook', fields.repo === '' ? 'project' : repoName(fields.repo))}
          {own.length > 1 && (
            <label>
              Project
              <select
                class="field"
                value={fields.project}
                onChange={event => change({ project: event.currentTarget.value })}
              >
                {own.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          )}
          {text('base', 'Begin from branch', 'its default')}
          {text('model', 'Model', 'the hub’s')}
          {text('budget', 'Budget of each task, in dollars', 'the hub’s')}
        </div>
      </details>
      {problem !== '' && (
        <p class="notice bad note" role="alert">
          {problem}
        </p>
      )}
      <div class="part-actions">
        <button type="submit" class="button primary" disabled={busy}>
          Make it
        </button>
        <button type="button" class="button" onClick={leave}>
          Cancel
        </button>
      </div>
    </form>
  )
}

function problemOf({ kind, repo, label, word, budget }: Fields): string {
  if (repoProblem(repo) !== '') return repoProblem(repo)
  if (kind !== 'meshbook' && label.trim() === '' && word.trim() === '')
    return 'Say what starts a task: a label, a word, or both.'
  if (word.trim() !== '' && !/^[/@]?[\w.-]{2,40}$/.test(word.trim()))
    return 'That which a comment begins with is one word, such as /meshbook.'
  if (budget.trim() !== '' && !(Number(budget) > 0)) return 'The budget is an amount of dollars, such as 2.50.'
  return ''
}

function wishedHook(fields: Fields, project: string): NewHook {
  const { kind, repo, budget } = fields
  const given = (name: 'base' | 'model' | 'label' | 'word') => {
    const text = fields[name].trim()
    return text === '' ? {} : { [name]: text }
  }
  const people = fields.people.split(/[\s,]+/).filter(Boolean)
  const isOfHost = kind !== 'meshbook'
  return {
    ...{ kind, repo, project, name: fields.name.trim() || repoName(repo) },
    ...{ ...given('base'), ...given('model') },
    ...(isOfHost && { ...given('label'), ...given('word'), ...(people.length > 0 && { people }) }),
    ...(budget.trim() !== '' && { budget: { microUsd: Math.round(Number(budget) * 1e6) } }),
  } as NewHook
}
