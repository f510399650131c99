/** Runs a workflow again from one of its steps on, with inputs that can be changed (PO74). */
import type { Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { useState } from 'preact/hooks'
import { go } from '../portal/place.ts'
import { FieldInputs } from './field-inputs.tsx'
import { fieldsOfInputs, readFields, type Texts } from './fields.ts'
import { useKeptId } from './kept-id.ts'
import { Problem, problemWords } from './problem-words.tsx'
import { workflowRunAt } from './run-row.tsx'
import type { ShownRun } from './shown-run.ts'
import { workflowsApi } from './workflows-api.ts'

interface ForkFormProps {
  id: string
  step: string
  workflow: Workflow
  run: ShownRun
}

export function ForkForm({ id, step, workflow, run }: ForkFormProps) {
  const [open, setOpen] = useState(false)
  const [texts, setTexts] = useState<Texts>({})
  const [wrong, setWrong] = useState<Readonly<Record<string, string>>>({})
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const named = useKeptId(Date.now)
  const fields = fieldsOfInputs(workflow.inputs ?? {}, run.state.began?.inputs)
  const fork = async (event: Event) => {
    event.preventDefault()
    const read = readFields(fields, texts)
    setWrong('problems' in read ? read.problems : {})
    if ('problems' in read) return
    setBusy(true)
    setProblem('')
    try {
      const body = { step, inputs: read.value }
      const made = await workflowsApi.fork(id, { ...body, id: named.idOf([id, body]) })
      named.sent()
      go(workflowRunAt(made.id))
    } catch (thrown) {
      setProblem(problemWords(thrown))
      setBusy(false)
    }
  }
  if (!open)
    return (
      <p>
        <button type="button" class="button" onClick={() => setOpen(true)}>
          Fork from here…
        </button>
      </p>
    )
  return (
    <form class="part-form boxed-form" aria-label={`Fork from ${step}`} onSubmit={event => void fork(event)} noValidate>
      <p>
        A new run does <strong>{step}</strong> and all behind it again, and keeps the results of what came before.
      </p>
      {fields.length > 0 && (
        <FieldInputs prefix="fork" fields={fields} texts={texts} problems={wrong} change={setTexts} />
      )}
      <Problem text={problem} />
      <div class="part-actions">
        <button type="button" class="button" disabled={busy} onClick={() => setOpen(false)}>
          Not now
        </button>
        <button type="submit" class="button primary" disabled={busy}>
          Fork it
        </button>
      </div>
    </form>
  )
}
