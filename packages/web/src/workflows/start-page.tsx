/** Runs a workflow: its file is pasted or chosen and checked here, its inputs are fields (PO75). */
import '../portal/pages-portal.css'
import './fields.css'
import './workflows.css'
import type { NewWorkflowRun } from '@meshbook/core/workflows-api.ts'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { go } from '../portal/place.ts'
import { projects } from '../state/known.ts'
import { FieldInputs } from './field-inputs.tsx'
import { fieldsOfInputs, readFields, type Texts } from './fields.ts'
import { FilesEditor, fileProblem, useFiles } from './files-editor.tsx'
import { useKeptId } from './kept-id.ts'
import { Problem, problemWords } from './problem-words.tsx'
import { workflowRunAt } from './run-row.tsx'
import { takeStartDraft } from './start-draft.ts'
import { workflowsApi } from './workflows-api.ts'

const example = `meshbook: workflow/v1
name: hello
inputs:
  who: { type: string, default: world }
steps:
  greet:
    transform: '"Hello, " + inputs.who + "!"'
  review:
    needs: greet
    gate: { ask: 'Send this? \${{ steps.greet.output }}', timeout: 24h }
  send:
    needs: review
    transform: '"sent: " + steps.greet.output'
output: \${{ steps.send.output }}
`

const teach =
  'A workflow names its steps and what each needs. At a hub a step may ask an address (http), compute (transform), go over a list (map), repeat, wait, ask people (gate), or run another workflow.'

export function StartPage() {
  const [draft] = useState(takeStartDraft)
  const edited = useFiles(draft)
  const { main, files, checked, isRight } = edited
  const [texts, setTexts] = useState<Texts>({})
  const [wrong, setWrong] = useState<Readonly<Record<string, string>>>({})
  const [project, setProject] = useState(draft?.project ?? '')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const named = useKeptId(Date.now)
  const inputs = checked.workflow?.inputs
  const fields = useMemo(() => fieldsOfInputs(inputs ?? {}, draft?.inputs), [JSON.stringify(inputs)])
  useEffect(() => setProblem(''), [files])
  const start = async (event: Event) => {
    event.preventDefault()
    const wrongFile = fileProblem(edited.checkNow(), edited.isEmpty)
    if (wrongFile !== '') return setProblem(wrongFile)
    const read = readFields(fields, texts)
    setWrong('problems' in read ? read.problems : {})
    if ('problems' in read) return setProblem('Some inputs are not right yet.')
    setBusy(true)
    setProblem('')
    try {
      const body = { file: main, files, inputs: read.value, ...(project !== '' && { project }) }
      const run = await workflowsApi.start({ ...body, id: named.idOf(body) } as NewWorkflowRun)
      named.sent()
      go(workflowRunAt(run.id))
    } catch (thrown) {
      setProblem(problemWords(thrown))
      setBusy(false)
    }
  }
  return (
    <form class="part-form flow-start" onSubmit={event => void start(event)} noValidate>
      <FilesEditor edited={edited} examples={[{ name: 'Use an example', text: example }]} teach={teach} />
      {isRight && fields.length > 0 && (
        <fieldset class="flow-inputs">
          <legend>Inputs</legend>
          <FieldInputs prefix="input" fields={fields} texts={texts} problems={wrong} change={setTexts} />
        </fieldset>
      )}
      {(projects.value?.length ?? 0) > 1 && (
        <label class="flow-project">
          Project whose keys and people it has
          <select class="field" value={project} onChange={event => setProject(event.currentTarget.value)}>
            <option value="">The first of yours</option>
            {projects.value?.map(one => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      )}
      <Problem text={problem} />
      <div class="part-actions">
        <button type="submit" class="button primary" disabled={busy}>
          Start it
        </button>
      </div>
    </form>
  )
}
