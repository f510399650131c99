/** The files of a task as of its last checkpoint: folders to go into, text to read (TP7). */
import { bytesInWords } from '@meshbook/core/bytes-in-words.ts'
import type { TaskFile, TaskFolder } from '@meshbook/core/tasks-api.ts'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { LineList, ShowMore } from './line-list.tsx'
import { tasksApi } from './tasks-api.ts'

type Entry = TaskFolder['entries'][number]
type Place = { path: string; is: 'folder' } | { path: string; is: 'file'; kind: Entry['kind'] }
type Shown = { of: Place; folder?: TaskFolder; file?: TaskFile }

const root: Place = { path: '', is: 'folder' }

export interface FilesViewProps {
  task: string
  /** Of the last checkpoint: another one is looked at anew. */
  commit: string | null
  hasBegun: boolean
}

export function FilesView({ task, commit, hasBegun }: FilesViewProps) {
  const [place, setPlace] = useState<Place>(root)
  const [shown, setShown] = useState<Shown | undefined>(undefined)
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const [tries, setTries] = useState(0)
  const top = useRef<HTMLElement>(null)
  useEffect(() => {
    if (!hasBegun) return
    let isOver = false
    const load = async (): Promise<Shown> =>
      place.is === 'folder'
        ? { of: place, folder: await tasksApi.folder(task, place.path) }
        : { of: place, file: await tasksApi.file(task, place.path) }
    load().then(
      found => {
        if (isOver) return
        setShown(found)
        setProblem(undefined)
      },
      thrown => isOver || setProblem(asApiError(thrown)),
    )
    return () => {
      isOver = true
    }
  }, [task, commit, place, hasBegun, tries])
  if (!hasBegun) return <p class="faint task-none">Its files are here as soon as it has a worker.</p>
  const go = (to: Place) => {
    setPlace(to)
    setProblem(undefined)
    // What was pressed is gone: keys and readers go on at the path.
    top.current?.focus({ preventScroll: true })
  }
  const isThere = shown?.of === place
  return (
    <section class="task-files" aria-label="Files" ref={top} tabIndex={-1}>
      <Path place={place} go={go} commit={shown?.folder ?? shown?.file} />
      {problem && (
        <div class="notice warn note" role="status">
          <p>{problem.detail || problem.message}</p>
          <div class="task-buttons">
            <button type="button" class="button" onClick={() => setTries(tries + 1)}>
              Try again
            </button>
            {place.path !== '' && (
              <button type="button" class="button" onClick={() => go(root)}>
                All files
              </button>
            )}
          </div>
        </div>
      )}
      {!isThere && !problem && <p role="status">Loading…</p>}
      {isThere && shown.folder && <Folder folder={shown.folder} go={go} />}
      {isThere && shown.file && place.is === 'file' && <Content file={shown.file} kind={place.kind} />}
    </section>
  )
}

function Path({ place, go, commit }: { place: Place; go(to: Place): void; commit: TaskFolder | TaskFile | undefined }) {
  const names = place.path === '' ? [] : place.path.split('/')
  return (
    <nav class="task-path" aria-label="Where in the repository">
      <ol>
        {['', ...names].map((name, at) => {
          const path = names.slice(0, at).join('/')
          const isLast = at === names.length
          return (
            <li key={path}>
              {isLast ? (
                <span aria-current="location">{name || 'All files'}</span>
              ) : (
                <button type="button" class="task-link" onClick={() => go({ path, is: 'folder' })}>
                  {name || 'All files'}
                </button>
              )}
            </li>
          )
        })}
      </ol>
      {commit && (
        <span class="faint">
          {'isBase' in commit && commit.isBase ? 'before its first change' : `as of ${commit.commit.slice(0, 10)}`}
        </span>
      )}
    </nav>
  )
}

const order = (entry: Entry): number => (entry.kind === 'folder' ? 0 : 1)
const sorted = (entries: readonly Entry[]): Entry[] =>
  [...entries].sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1))

const kindWords: Record<Entry['kind'], string> = {
  folder: 'folder',
  file: '',
  program: 'program',
  link: 'link',
  module: 'another repository',
}

const drawnEntries = 500

function Folder({ folder, go }: { folder: TaskFolder; go(to: Place): void }) {
  const [drawn, setDrawn] = useState(drawnEntries)
  const inside = (name: string) => (folder.path === '' ? name : `${folder.path}/${name}`)
  const open = ({ name, kind }: Entry) =>
    go(kind === 'folder' ? { path: inside(name), is: 'folder' } : { path: inside(name), is: 'file', kind })
  if (folder.entries.length === 0) return <p class="faint">This folder is empty.</p>
  return (
    <>
      <ul class="task-list task-entries">
        {sorted(folder.entries)
          .slice(0, drawn)
          .map(entry => (
            <li key={entry.name}>
              <button
                type="button"
                class="task-entry"
                data-kind={entry.kind}
                disabled={entry.kind === 'module'}
                onClick={() => open(entry)}
              >
                <EntryIcon kind={entry.kind} />
                <span class="task-entry-name">{entry.name}</span>
                <span class="faint">
                  {[kindWords[entry.kind], entry.bytes === null ? '' : bytesInWords(entry.bytes)]
                    .filter(Boolean)
                    .join(', ')}
                </span>
              </button>
            </li>
          ))}
      </ul>
      <ShowMore left={folder.entries.length - drawn} of="entries" onMore={() => setDrawn(drawn + drawnEntries)} />
      {folder.isCut && (
        <p class="faint">
          Only the first {folder.entries.length.toLocaleString()} are listed here. The branch has all of them.
        </p>
      )}
    </>
  )
}

const folderPath = 'M1.8 4.2c0-.6.4-1 1-1h3.1l1.5 1.6h5.8c.6 0 1 .4 1 1v6c0 .6-.4 1-1 1H2.8c-.6 0-1-.4-1-1z'
const filePath = 'M4 1.8h5l3.2 3.2v9.2H4zM9 1.8V5h3.2'

function EntryIcon({ kind }: { kind: Entry['kind'] }) {
  return (
    <svg class="icon" width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" aria-hidden="true">
      <path d={kind === 'folder' ? folderPath : filePath} stroke-width="1.5" stroke-linejoin="round" />
    </svg>
  )
}

const drawnLines = 2_000
const linesOf = (text: string) =>
  text
    .replace(/\n$/, '')
    .split('\n')
    .map((line, at) => ({ number: at + 1, text: line }))

function Content({ file, kind }: { file: TaskFile; kind: Entry['kind'] }) {
  const lines = useMemo(() => linesOf(file.text ?? ''), [file.text])
  if (file.text === null)
    return (
      <div class="empty boxed">
        <h3>Not text</h3>
        <p>{bytesInWords(file.bytes)} that cannot be read here. The branch of the task has the file.</p>
      </div>
    )
  if (kind === 'link')
    return (
      <p>
        A link to <code>{file.text}</code>. It is not followed.
      </p>
    )
  if (file.bytes === 0) return <p class="faint">The file is empty.</p>
  return (
    <>
      <p class="faint" role="status">
        {file.isCut
          ? `The beginning of ${bytesInWords(file.bytes)}; the rest is too large to be shown here. The branch has all of it.`
          : `${lines.length === 1 ? '1 line' : `${lines.length.toLocaleString()} lines`}, ${bytesInWords(file.bytes)}`}
      </p>
      <LineList label={`Text of ${file.path}`} lines={lines} step={drawnLines} class="task-file" />
    </>
  )
}
