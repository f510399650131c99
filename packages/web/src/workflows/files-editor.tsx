/** The file of a workflow, pasted or chosen, with what is wrong in it; a press on a problem goes to its place (PO75). */
import { useEffect, useRef, useState } from 'preact/hooks'
import { type CheckedFiles, checkFiles, type FileFault, type Files, offsetOf, withChosen } from './checked-files.ts'

const checkMs = 200
/** Of what came without one. */
export const pastedName = 'main.workflow.yaml'

export interface EditedFiles {
  file: string
  files: Files
  checked: CheckedFiles
  isEmpty: boolean
  isRight: boolean
  show(file: string): void
  change(text: string): void
  choose(list: FileList): Promise<void>
  /** Without waiting. */
  checkNow(): CheckedFiles
}

const isFine = ({ workflow, faults, missing }: CheckedFiles): boolean =>
  workflow !== undefined && faults.length === 0 && missing.length === 0

/** `main`: which of the files is started; the others are those that it leads to. */
export function useFiles(given: { file: string; files: Files } | undefined): EditedFiles & { main: string } {
  const [main, setMain] = useState(given?.file ?? pastedName)
  const [file, show] = useState(main)
  const [files, setFiles] = useState<Files>(given?.files ?? { [main]: '' })
  const [checked, setChecked] = useState<CheckedFiles>(() => checkFiles(main, files))
  useEffect(() => {
    const timer = setTimeout(() => setChecked(checkFiles(main, files)), checkMs)
    return () => clearTimeout(timer)
  }, [main, files])
  return {
    ...{ main, file, files, checked, show },
    isEmpty: (files[main] ?? '').trim() === '',
    isRight: isFine(checked),
    change: text => setFiles({ ...files, [file]: text }),
    async choose(list) {
      const chosen = Object.fromEntries(
        await Promise.all([...list].map(async one => [one.name, await one.text()] as const)),
      )
      const next = withChosen(main, files, chosen)
      setMain(next.file)
      show(next.file)
      setFiles(next.files)
    },
    checkNow() {
      const now = checkFiles(main, files)
      setChecked(now)
      return now
    },
  }
}

/** Why it cannot be sent; empty where it can. */
export function fileProblem(checked: CheckedFiles, isEmpty: boolean): string {
  if (isFine(checked)) return ''
  return isEmpty ? 'Paste a workflow, or choose its file.' : 'Mend what is wrong in the file first.'
}

interface FilesEditorProps {
  edited: EditedFiles
  examples: readonly { name: string; text: string }[]
  teach: string
}

export function FilesEditor({ edited, examples, teach }: FilesEditorProps) {
  const { file, files, checked, isEmpty, isRight, show, change, choose } = edited
  const area = useRef<HTMLTextAreaElement>(null)
  const text = files[file] ?? ''
  const jump = (fault: FileFault) => {
    if (fault.file !== file) show(fault.file)
    requestAnimationFrame(() => showPlace(area.current, files[fault.file] ?? '', fault))
  }
  return (
    <>
      <div class="part-field">
        <div class="flow-file-head">
          <label for="flow-text">The workflow, as YAML</label>
          <span class="flow-file-ways">
            <FileButton label="Choose files…" choose={list => void choose(list)} />
            {isEmpty &&
              examples.map(({ name, text: one }) => (
                <button key={name} type="button" class="button" onClick={() => change(one)}>
                  {name}
                </button>
              ))}
          </span>
        </div>
        {Object.keys(files).length > 1 && (
          <select
            class="field"
            aria-label="File that is shown"
            value={file}
            onChange={event => show(event.currentTarget.value)}
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
      <Checked checked={checked} teach={isEmpty ? teach : ''} isOne={Object.keys(files).length === 1} jump={jump} />
    </>
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
  /** What is said where nothing stands yet. */
  teach: string
  isOne: boolean
  jump(fault: FileFault): void
}

function Checked({ checked: { workflow, faults, missing }, teach, isOne, jump }: CheckedProps) {
  return (
    <div id="flow-checked" class="flow-checked" aria-live="polite">
      {teach !== '' && <p class="faint">{teach}</p>}
      {teach === '' && workflow && faults.length === 0 && missing.length === 0 && (
        <p class="flow-right">
          <span class="pill ok">Right</span> {workflow.name} has {counted(Object.keys(workflow.steps).length, 'step')}.
        </p>
      )}
      {teach === '' && faults.length > 0 && (
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
