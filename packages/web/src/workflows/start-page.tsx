/** Runs a workflow: its file is pasted or chosen and checked here, its inputs are fields (PO75). */
import '../portal/pages-portal.css'
import './fields.css'
import './workflows.css'
import type { NewWorkflowRun } from '@meshbook/core/workflows-api.ts'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { go } from '../portal/place.ts'
import { projects } from '../state/known.ts'
import { type CheckedFiles, checkFiles, type FileFault, type Files, offsetOf, withChosen } from './checked-files.ts'
import { FieldInputs } from './field-inputs.tsx'
import { fieldsOfInputs, readFields, type Texts } from './fields.ts'
import { useKeptId } from './kept-id.ts'
import { Problem, problemWords } from './problem-words.tsx'
import { workflowRunAt } from './run-row.tsx'
import { takeStartDraft } from './start-draft.ts'
import { workflowsApi } from './workflows-api.ts'

const checkMs = 200
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

export function StartPage() {
  const [draft] = useState(takeStartDraft)
  const [file, setFile] = useState(draft?.file ?? 'main.workflow.yaml')
  const [files, setFiles] = useState<Files>(draft?.files ?? { 'main.workflow.yaml': '' })
  const [checked, setChecked] = useState<CheckedFiles>(() => checkFiles(file, files))
  const [texts, setTexts] = useState<Texts>({})
  const [wrong, setWrong] = useState<Readonly<Record<string, string>>>({})
  const [project, setProject] = useState(draft?.project ?? '')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const named = useKeptId()
  const area = useRef<HTMLTextAreaElement>(null)
  const text = files[file] ?? ''
  const isEmpty = text.trim() === ''
  useEffect(() => {
    const timer = setTimeout(() => setChecked(checkFiles(file, files)), checkMs)
    return () => clearTimeout(timer)
  }, [file, files])
  const inputs = checked.workflow?.inputs
  const fields = useMemo(() => fieldsOfInputs(inputs ?? {}, draft?.inputs), [JSON.stringify(inputs)])
  const change = (next: string) => {
    setProblem('')
    setFiles({ ...files, [file]: next })
  }
  const choose = async (list: FileList) => {
    const chosen = Object.fromEntries(
      await Promise.all([...list].map(async one => [one.name, await one.text()] as const)),
    )
    const next = withChosen(file, files, chosen)
    setProblem('')
    setFile(next.file)
    setFiles(next.files)
  }
  const start = async (event: Event) => {
    event.preventDefault()
    const now = checkFiles(file, files)
    setChecked(now)
    if (!now.workflow || now.faults.length > 0 || now.missing.length > 0)
      return setProblem(isEmpty ? 'Paste a workflow, or choose its file.' : 'Mend what is wrong in the file first.')
    const read = readFields(fields, texts)
    setWrong('problems' in read ? read.problems : {})
    if ('problems' in read) return setProblem('Some inputs are not right yet.')
    setBusy(true)
    setProblem('')
    try {
      const body = { file, files, inputs: read.value, ...(project !== '' && { project }) }
      const run = await workflowsApi.start({ ...body, id: named.idOf(body) } as NewWorkflowRun)
      named.sent()
      go(workflowRunAt(run.id))
    } catch (thrown) {
      setProblem(problemWords(thrown))
      setBusy(false)
    }
  }
  const jump = (fault: FileFault) => {
    if (fault.file !== file) setFile(fault.file)
    requestAnimationFrame(() => showPlace(area.current, files[fault.file] ?? '', fault))
  }
  const isRight = checked.workflow !== undefined && checked.faults.length === 0 && checked.missing.length === 0
  return (
    <form class="part-form flow-start" onSubmit={event => void start(event)} noValidate>
      <div class="part-field">
        <div class="flow-file-head">
          <label for="flow-text">The workflow, as YAML</label>
          <span class="flow-file-ways">
            <FileButton label="Choose files…" choose={list => void choose(list)} />
            {isEmpty && (
              <button type="button" class="button" onClick={() => change(example)}>
                Use an example
              </button>
            )}
          </span>
        </div>
        {Object.keys(files).length > 1 && (
          <select
            class="field"
            aria-label="File that is shown"
            value={file}
            onChange={event => setFile(event.currentTarget.value)}
          >
            {Object.keys(files).map(name => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        )}
        <textarea
          id="flow-text"
          ref={area}
          class="field mono flow-text"
          rows={16}
          spellcheck={false}
          autocomplete="off"
          aria-describedby="flow-checked"
          aria-invalid={(!isEmpty && !isRight) || undefined}
          placeholder={'meshbook: workflow/v1\nname: …\nsteps:\n  …'}
          value={text}
          onInput={event => change(event.currentTarget.value)}
        />
      </div>
      <Checked checked={checked} isEmpty={isEmpty} isOne={Object.keys(files).length === 1} jump={jump} />
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

function FileButton({ label, choose }: { label: string; choose(list: FileList): void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        aria-label="Files of the workflow"
        accept=".yaml,.yml"
        multiple
        onChange={event => {
          const { files } = event.currentTarget
          if (files && files.length > 0) choose(files)
          event.currentTarget.value = ''
        }}
      />
      <button type="button" class="button" onClick={() => input.current?.click()}>
        {label}
      </button>
    </>
  )
}

interface CheckedProps {
  checked: CheckedFiles
  isEmpty: boolean
  isOne: boolean
  jump(fault: FileFault): void
}

function Checked({ checked: { workflow, faults, missing }, isEmpty, isOne, jump }: CheckedProps) {
  return (
    <div id="flow-checked" class="flow-checked" aria-live="polite">
      {isEmpty && (
        <p class="faint">
          A workflow names its steps and what each needs. At a hub a step may ask an address (http), compute
          (transform), go over a list (map), repeat, wait, ask people (gate), or run another workflow.
        </p>
      )}
      {!isEmpty && workflow && faults.length === 0 && missing.length === 0 && (
        <p class="flow-right">
          <span class="pill ok">Right</span> {workflow.name} has {counted(Object.keys(workflow.steps).length, 'step')}.
        </p>
      )}
      {!isEmpty && faults.length > 0 && (
        <>
          <h2 class="flow-wrong">{counted(faults.length, 'problem')}</h2>
          <ul class="flow-faults">
            {faults.map(fault => (
              <li key={`${fault.file}:${fault.line}:${fault.column}:${fault.what}`}>
                <button type="button" class="flow-fault" onClick={() => jump(fault)}>
                  <span class="mono">
                    {!isOne && `${fault.file}: `}line {fault.line}, column {fault.column}
                  </span>
                  <span>
                    {fault.path !== '' && <code>{fault.path}</code>} {fault.what}; {fault.todo}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {missing.map(name => (
        <p key={name} class="notice warn note">
          A step runs <code>{name}</code>, which is not here yet: choose that file too.
        </p>
      ))}
    </div>
  )
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function showPlace(area: HTMLTextAreaElement | null, text: string, { line, column }: FileFault): void {
  if (!area) return
  const at = offsetOf(text, line, column)
  area.focus()
  area.setSelectionRange(at, at)
  const lineHeight = Number.parseFloat(getComputedStyle(area).lineHeight) || 20
  area.scrollTop = Math.max(0, (line - 4) * lineHeight)
}
