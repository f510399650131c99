/** What a task has changed so far: the files of its last checkpoint, each folded or drawn (TP4). */
import type { TaskDiff } from '@meshbook/core/tasks-api.ts'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { LineList } from './line-list.tsx'
import { type DiffFile, type DiffLine, parseDiff } from './parse-diff.ts'
import { tasksApi } from './tasks-api.ts'

/** A file of more lines is folded at first, and drawn so many at a time. */
const openLines = 400
const drawnLines = 1_000

export function DiffView({ task, commit }: { task: string; commit: string | null }) {
  const [diff, setDiff] = useState<TaskDiff | undefined>(undefined)
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const [tries, setTries] = useState(0)
  useEffect(() => {
    if (commit === null) return
    let isOver = false
    tasksApi.diff(task).then(
      found => {
        if (isOver) return
        setDiff(found)
        setProblem(undefined)
      },
      thrown => isOver || setProblem(asApiError(thrown)),
    )
    return () => {
      isOver = true
    }
  }, [task, commit, tries])
  if (commit === null)
    return (
      <p class="faint task-none">Nothing is changed so far. Each turn that changes something shows here at once.</p>
    )
  return (
    <div class="task-diff">
      {problem && (
        <p class="notice warn note" role="status">
          {diff ? 'The newest changes could not be loaded. ' : ''}
          {problem.message} {problem.hint}{' '}
          <button type="button" class="button" onClick={() => setTries(tries + 1)}>
            Try again
          </button>
        </p>
      )}
      {diff ? <Files diff={diff} /> : !problem && <p role="status">Loading the changes…</p>}
    </div>
  )
}

function Files({ diff }: { diff: TaskDiff }) {
  const parsed = useMemo(() => new Map(parseDiff(diff.text).map(file => [file.path, file])), [diff.text])
  return (
    <>
      <p class="faint" role="status">
        {diff.files.length === 1 ? '1 file' : `${diff.files.length} files`} against {diff.base.slice(0, 10)}
      </p>
      {diff.files.map(file => (
        <File key={file.path} file={file} parsed={parsed.get(file.path)} isCut={diff.isCut} />
      ))}
      {diff.isCut && <p class="faint">The rest is too large to be shown here. The branch has all of it.</p>}
    </>
  )
}

type Named = TaskDiff['files'][number]
const stateWords: Record<Named['state'], string> = {
  added: 'new',
  changed: '',
  removed: 'removed',
  renamed: 'renamed',
}

function File({ file, parsed, isCut }: { file: Named; parsed: DiffFile | undefined; isCut: boolean }) {
  const [open, setOpen] = useState((parsed?.lines.length ?? 0) <= openLines)
  const about = [stateWords[file.state], file.was === null ? '' : `was ${file.was}`].filter(Boolean).join(', ')
  return (
    <details class="task-file" open={open} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>
        <span class="task-file-path">{file.path}</span>
        {about !== '' && <span class="faint">{about}</span>}
        <span class="task-counts">
          {file.added === null ? (
            'binary'
          ) : (
            <>
              <span class="task-added">+{file.added}</span> <span class="task-removed">−{file.removed ?? 0}</span>
            </>
          )}
        </span>
      </summary>
      {open &&
        (parsed ? <Lines path={file.path} lines={parsed.lines} /> : isCut && <p class="faint">Not shown here.</p>)}
    </details>
  )
}

const signs: Record<DiffLine['kind'], string> = { same: ' ', added: '+', removed: '−', part: '', note: '' }

const textOf = ({ kind, text }: DiffLine): string => (kind === 'part' ? `⋯ ${text}` : `${signs[kind]} ${text}`)

function Lines({ path, lines }: { path: string; lines: readonly DiffLine[] }) {
  const shown = useMemo(
    () => lines.map(line => ({ number: line.new ?? line.old ?? '', text: textOf(line), kind: line.kind }) as const),
    [lines],
  )
  return <LineList label={`Changes in ${path}`} lines={shown} step={drawnLines} />
}
