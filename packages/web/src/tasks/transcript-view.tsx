/** What a task did and does, item by item (TP1, TP2); what stays the same is not drawn again. */
import type { ToolItem, Transcript, TranscriptItem } from '@meshbook/core/task-transcript.ts'
import { changedWords, linesIn, toolTitle, turnWords } from '@meshbook/core/task-words.ts'
import type { FunctionComponent } from 'preact'
import { useState } from 'preact/hooks'
import { duration } from '../notebook/duration.ts'
import { linkAddress } from '../prose/addresses.ts'
import { MarkdownView } from '../prose/markdown-view.tsx'
import { memo } from '../shell/memo.ts'
import { Approval } from './approval.tsx'
import { ForkForm } from './fork-form.tsx'
import { QuestionForm } from './question-form.tsx'
import type { TaskPlaces } from './task-places.ts'

const drawnItems = 300

export interface TranscriptProps {
  task: string
  transcript: Transcript
  places: TaskPlaces
  /** How an open decision is shown here. */
  Gate: FunctionComponent<{ gate: import('@meshbook/core/api.ts').Gate }>
}

export function TranscriptView({ task, transcript, places, Gate }: TranscriptProps) {
  const [most, setMost] = useState(drawnItems)
  const { items, ended } = transcript
  const hidden = Math.max(0, items.length - most)
  return (
    <div class="task-items">
      {hidden > 0 && (
        <button type="button" class="button wide" onClick={() => setMost(most + drawnItems)}>
          Show {Math.min(hidden, drawnItems)} earlier of {hidden.toLocaleString()}
        </button>
      )}
      {items.slice(hidden).map(item => (
        <ItemView key={item.key} item={item} task={task} ended={ended} places={places} Gate={Gate} />
      ))}
    </div>
  )
}

interface ItemProps extends Pick<TranscriptProps, 'task' | 'places' | 'Gate'> {
  item: TranscriptItem
  ended: boolean
}

const ItemView = memo(function ItemView({ item, task, ended, places, Gate }: ItemProps) {
  switch (item.kind) {
    case 'message':
      return (
        <div class="task-message">
          <p class="faint">
            {item.by}
            {item.turn === undefined ? ', heard' : `, heard at turn ${item.turn}`}
          </p>
          <p class="task-text">{item.text}</p>
        </div>
      )
    case 'turn':
      return (
        <div class="task-turn">
          <h3 class="faint">{turnWords(item)}</h3>
          {item.asset !== undefined && <a href={assetUrl(item.asset)}>The whole answer</a>}
          {item.state === 'ended' && <ForkForm task={task} turn={item.turn} places={places} />}
        </div>
      )
    case 'said':
      if (item.as === 'thinking') return <Thought text={item.text} />
      return item.state === 'whole' ? (
        <div class="task-said">
          <MarkdownView source={item.text} />
        </div>
      ) : (
        <p class={`task-said task-text ${item.state}`}>{item.text}</p>
      )
    case 'tool':
      return <Tool item={item} places={places} />
    case 'approval':
      return <Approval item={item} ended={ended} Gate={Gate} />
    case 'question':
      return <QuestionForm item={item} task={task} ended={ended} />
    default:
      return <Note item={item} />
  }
})

function Thought({ text }: { text: string }) {
  const [open, setOpen] = useState(false)
  return (
    <details class="task-thought" open={open} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary class="faint">Thinking</summary>
      {open && <p class="task-text faint">{text}</p>}
    </details>
  )
}

const toolWords: Record<ToolItem['state'], string> = {
  wanted: 'wanted',
  running: 'running',
  ok: 'done',
  failed: 'failed',
  cut: 'cut off',
}
const toolMarks: Record<ToolItem['state'], string> = { wanted: '○', running: '◌', ok: '✔', failed: '✖', cut: '✂' }

function Tool({ item, places }: { item: ToolItem; places: TaskPlaces }) {
  const [open, setOpen] = useState(false)
  const lines = linesIn(item.output)
  const took = item.beganAt !== undefined && item.endedAt !== undefined ? item.endedAt - item.beganAt : undefined
  const about = [
    item.state === 'ok' || item.state === 'running' ? '' : toolWords[item.state],
    lines === 0 ? '' : lines === 1 ? '1 line' : `${lines} lines`,
    took !== undefined && took >= 1_000 ? duration(took) : '',
  ].filter(Boolean)
  return (
    <details
      class="task-tool"
      data-state={item.state}
      open={open}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span class="task-mark" aria-hidden="true">
          {toolMarks[item.state]}
        </span>
        <span class="visually-hidden">{toolWords[item.state]}: </span>
        <code>{toolTitle(item)}</code>
        <span class="faint">{about.join(' · ')}</span>
      </summary>
      {open && (
        <>
          <Whole label="What it does" text={item.shown || item.input} />
          <Whole label="What came of it" text={item.output} />
          {item.asset !== undefined && <a href={assetUrl(item.asset)}>All of its output</a>}
          {item.run !== undefined && (
            <p>
              <a href={places.run(item.run)}>The run of this cell</a>
            </p>
          )}
        </>
      )}
    </details>
  )
}

function Whole({ label, text }: { label: string; text: string }) {
  if (text === '') return null
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex lint/a11y/useSemanticElements: it scrolls; a fieldset is for forms
    <pre class="task-output" tabIndex={0} role="group" aria-label={label}>
      <code>{withoutEscapes(text)}</code>
    </pre>
  )
}

const withoutEscapes = (text: string): string => text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
const assetUrl = (asset: string): string => `/api/v1/assets/${encodeURIComponent(asset)}`

function Note({ item }: { item: TranscriptItem }) {
  switch (item.kind) {
    case 'workspace':
      return (
        <p class="task-note faint">
          Works from <code>{item.base.slice(0, 10)}</code> on <code>{item.branch}</code>
        </p>
      )
    case 'checkpoint':
      return (
        <p class="task-note task-checkpoint">
          Checkpoint <code>{item.commit.slice(0, 10)}</code>: {changedWords(item)}
        </p>
      )
    case 'compacted':
      return (
        <details class="task-thought">
          <summary class="faint">The conversation up to turn {item.turn} was summed up, so that it fits</summary>
          <p class="task-text faint">{item.summary}</p>
        </details>
      )
    case 'artifact':
      return (
        <p class="task-note">
          Artifact{' '}
          <a href={assetUrl(item.asset)} download={item.name}>
            {item.name}
          </a>{' '}
          <span class="faint">{item.bytes.toLocaleString()} bytes</span>
        </p>
      )
    case 'pushed':
      return (
        <p class="task-note task-good">
          Pushed <code>{item.branch}</code> at <code>{item.commit.slice(0, 10)}</code>
        </p>
      )
    case 'pull-request':
      return (
        <p class="task-note task-good">
          <PullRequestLink {...item} />
        </p>
      )
    case 'paused':
      return (
        <p class="task-note task-warn">
          {item.interrupted ? 'Interrupted' : 'Paused'} by {item.by}. It waits for a message, or to be told to go on.
        </p>
      )
    case 'unpaused':
      return <p class="task-note faint">{item.by} let it go on.</p>
    case 'notice':
      return <p class="task-note task-warn">{item.text}</p>
    case 'replaced':
      return (
        <p class="task-note task-warn">
          Its worker was replaced: {item.reason}. It goes on from the log; nothing is lost.
        </p>
      )
    case 'finished':
      return item.summary === '' ? null : (
        <div class="task-said task-summary">
          <MarkdownView source={item.summary} />
        </div>
      )
    case 'end':
      return <End item={item} />
    default:
      return null
  }
}

const endWords = { completed: 'Done', failed: 'Failed', cancelled: 'Stopped', interrupted: 'Interrupted' } as const

function End({ item }: { item: Extract<TranscriptItem, { kind: 'end' }> }) {
  return (
    <p class={`task-note ${item.status === 'completed' ? 'task-good' : 'task-bad'}`}>
      {endWords[item.status]} after {duration(item.durationMs, 'coarse')}
      {item.reason === '' ? '.' : `: ${item.reason}`}
    </p>
  )
}

/** Its address comes from the git host: a page of the web, or no link. */
export function PullRequestLink({ url, number }: { url: string; number: number }) {
  const to = /^https?:/i.test(url) ? linkAddress(url) : undefined
  const words = `Pull request #${number}`
  if (to === undefined) return <>{words}</>
  return (
    <a href={to} target="_blank" rel="noreferrer noopener">
      {words}
    </a>
  )
}
