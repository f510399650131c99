/** Pins the file of a workflow to what its `on` says starts it (PO81). */
import './fields.css'
import type { NewTrigger, Trigger } from '@meshbook/core/workflow/trigger-info.ts'
import { triggerKinds } from '@meshbook/core/workflow/workflow-schema.ts'
import { useState } from 'preact/hooks'
import { projects } from '../state/known.ts'
import { FilesEditor, fileProblem, pastedName, useFiles } from './files-editor.tsx'
import { Problem, problemWords } from './problem-words.tsx'
import { kindWords } from './trigger-words.ts'
import { triggersApi } from './triggers-api.ts'

const example = (on: string): string => `meshbook: workflow/v1
name: nightly-report
on:
  ${on}
steps:
  report:
    transform: '"report"'
`
const examples = [
  { name: 'By time', text: example("schedule: { cron: '0 6 * * MON', timezone: Europe/Paris }") },
  { name: 'By webhook', text: example('webhook: { secret: REPORT_HOOK }') },
  { name: 'By files', text: example("files: { paths: ['data/*.csv'], quiet: 10s }") },
  { name: 'By a run', text: example('run: { of: weekly-report, ends: [failed] }') },
]
const teach =
  'The part “on” of the file says what starts it. Begin with one of the four, or choose the file of a workflow that has it.'

export function PinForm({ done, leave }: { done(trigger: Trigger): void; leave(): void }) {
  const edited = useFiles(undefined)
  const [project, setProject] = useState(projects.value?.[0]?.id as string | undefined)
  const [kind, setKind] = useState<Trigger['kind'] | undefined>(undefined)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const on = edited.checked.workflow?.on
  const kinds = triggerKinds.filter(one => on?.[one] !== undefined)
  const chosen = kind !== undefined && kinds.includes(kind) ? kind : kinds[0]
  const pin = async (event: Event) => {
    event.preventDefault()
    const wrong = fileProblem(edited.checkNow(), edited.isEmpty)
    if (wrong !== '') return setProblem(wrong)
    if (!chosen) return setProblem('The file has no “on” that starts it: add one, such as a schedule.')
    if (project === undefined) return setProblem('There is no project to pin it in.')
    setBusy(true)
    setProblem('')
    try {
      done(await triggersApi.pin({ project, ...namedByWorkflow(edited), kind: chosen } as NewTrigger))
    } catch (thrown) {
      setProblem(problemWords(thrown))
      setBusy(false)
    }
  }
  return (
    <form
      class="part-form boxed-form flow-start"
      aria-label="Add a trigger"
      onSubmit={event => void pin(event)}
      noValidate
    >
      <FilesEditor edited={edited} examples={examples} teach={teach} />
      <div class="part-fields">
        {kinds.length > 1 && (
          <label>
            What starts it
            <select
              class="field"
              value={chosen}
              onChange={event => setKind(event.currentTarget.value as Trigger['kind'])}
            >
              {kinds.map(one => (
                <option key={one} value={one}>
                  {kindWords[one]}
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          Project
          <select class="field" value={project} onChange={event => setProject(event.currentTarget.value)}>
            {projects.value?.map(one => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Problem text={problem} />
      <div class="part-actions">
        <button type="button" class="button" disabled={busy} onClick={leave}>
          Not now
        </button>
        <button type="submit" class="button primary" disabled={busy}>
          Pin it
        </button>
      </div>
    </form>
  )
}

/** What was pasted has no name yet, and a file of the same name would be the same trigger: it is called as its workflow is. */
function namedByWorkflow({ main, files, checked }: ReturnType<typeof useFiles>): Pick<NewTrigger, 'file' | 'files'> {
  const name = `${checked.workflow?.name}.workflow.yaml`
  if (main !== pastedName || files[name] !== undefined) return { file: main, files }
  const { [main]: text = '', ...others } = files
  return { file: name, files: { ...others, [name]: text } }
}
