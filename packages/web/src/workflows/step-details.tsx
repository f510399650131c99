/** One step of a run: what it does, what came of it, each attempt, what it printed, and what is inside it (PO72). */
import { dollars } from '@meshbook/core/task-words.ts'
import type { Stored } from '@meshbook/core/workflow/workflow-events.ts'
import { kindOf, needsOf, type Step, type Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { segmentsOf, stepAt } from '@meshbook/core/workflow/workflow-state.ts'
import { useState } from 'preact/hooks'
import { downloadUrl } from '../api/asset-addresses.ts'
import { duration, timeOfDay } from '../notebook/duration.ts'
import { ForkForm } from './fork-form.tsx'
import { StandingIcon } from './graph-view.tsx'
import type { Attempt, ShownRun, StepFacts } from './shown-run.ts'
import { aboutStep, countWords, standingOf, standingTones, standingWords } from './step-words.ts'

interface StepDetailsProps {
  run: ShownRun
  id: string
  workflow: Workflow | undefined
  path: string
  choose(path: string | undefined): void
  /** It may be run from here on again. */
  mayFork: boolean
}

/** The step of the file at a path; what a child workflow does stands in another file. */
export function stepOfPath(workflow: Workflow, path: string): Step | undefined {
  let steps = workflow.steps
  let step: Step | undefined
  for (const { id } of segmentsOf(path)) {
    step = steps[id]
    if (!step) return undefined
    steps = (step.map ?? step.repeat)?.steps ?? {}
  }
  return step
}

export function StepDetails({ run, id, workflow, path, choose, mayFork }: StepDetailsProps) {
  const step = workflow && stepOfPath(workflow, path)
  const [state, facts] = [stepAt(run.state, path), run.facts.get(path)]
  const standing = standingOf(state, facts, run)
  const kind = step ? kindOf(step) : ''
  const count = countWords(kind, state, facts)
  const around = path.includes('.') ? path.slice(0, path.lastIndexOf('.')).replace(/\[\d+\]$/, '') : undefined
  const end = state?.ended
  const error = end?.error ?? (standing === 'retrying' ? state?.lastError : null)
  return (
    <section class="flow-details" aria-labelledby="flow-step-name">
      <header>
        <span class={`pill ${standingTones[standing]}`}>
          <StandingIcon standing={standing} size={12} />
          {standingWords[standing]}
        </span>
        <h2 id="flow-step-name">{path}</h2>
        <button type="button" class="button small" aria-label={`Close ${path}`} onClick={() => choose(undefined)}>
          Close
        </button>
      </header>
      <p class="faint">{factsOf({ kind, count, step, facts, run }).join(' · ')}</p>
      {around !== undefined && (
        <p>
          <button type="button" class="flow-link" onClick={() => choose(around)}>
            Back to {around}
          </button>
        </p>
      )}
      {standing === 'blocked' && <p>A step that it needs did not succeed.</p>}
      {standing === 'skipped' && <p>Its condition was not true, or nothing failed of which it is the way out.</p>}
      {standing === 'kept' && <p>It has the result of the run that this one was forked from.</p>}
      {state?.status === 'waiting' && !end && (
        <p>
          {state.signal !== null && `It waits for the signal “${state.signal}”. `}
          {state.until !== null && `It goes on by itself ${timeOfDay(state.until, Date.now())}.`}
        </p>
      )}
      {error && (
        <p class="notice bad flow-problem">
          <strong>{error.code}</strong> {error.message}
        </p>
      )}
      {step && <Does step={step} />}
      {end?.output && <Value title="Result" stored={end.output} name={`${path}.json`} isOpen />}
      {facts && facts.attempts.length > 0 && <Attempts attempts={facts.attempts} />}
      {facts && facts.lines.length > 0 && <Lines facts={facts} />}
      <Inside run={run} path={path} choose={choose} />
      {mayFork && step && !path.includes('.') && workflow && (
        <ForkForm id={id} step={path} workflow={workflow} run={run} />
      )}
    </section>
  )
}

interface Said {
  kind: string
  count: string
  step: Step | undefined
  facts: StepFacts | undefined
  run: ShownRun
}

function factsOf({ kind, count, step, facts }: Said): string[] {
  const now = Date.now()
  const needs = step ? needsOf(step) : []
  return [
    kind,
    count,
    needs.length > 0 ? `after ${needs.join(', ')}` : '',
    facts && !facts.isKept ? `began ${timeOfDay(facts.beganAt, now)}` : '',
    facts?.endedAt != null && !facts.isKept ? `took ${duration(facts.endedAt - facts.beganAt)}` : '',
    facts && facts.microUsd > 0 ? `cost ${dollars(facts.microUsd)}` : '',
  ].filter(Boolean)
}

function Does({ step }: { step: Step }) {
  const about = aboutStep(step)
  return (
    <details class="part-more">
      <summary>What it does</summary>
      {about !== '' && <p>{about}</p>}
      <Code label="What it does, as it stands in the file">{JSON.stringify(step, null, 2)}</Code>
    </details>
  )
}

function Code({ label, children }: { label: string; children: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what is scrolled must be reached by keys.
    <section class="flow-code" tabIndex={0} aria-label={label}>
      <pre>{children}</pre>
    </section>
  )
}

const shownChars = 20_000

export function Value({
  title,
  stored,
  name,
  isOpen = false,
}: {
  title: string
  stored: Stored
  name: string
  isOpen?: boolean
}) {
  if ('asset' in stored)
    return (
      <p>
        {title}:{' '}
        <a href={downloadUrl(stored.asset, name)} download={name}>
          {stored.bytes.toLocaleString()} bytes to save
        </a>
      </p>
    )
  const text = typeof stored.value === 'string' ? stored.value : JSON.stringify(stored.value, null, 2)
  return (
    <details class="part-more" open={isOpen}>
      <summary>{title}</summary>
      <Code label={title}>{text.length > shownChars ? `${text.slice(0, shownChars)}\n…` : text}</Code>
    </details>
  )
}

const attemptWords: Record<Attempt['how'], string> = {
  'goes on': 'Goes on',
  failed: 'Failed',
  interrupted: 'Interrupted',
  succeeded: 'Done',
}
const attemptTones: Record<Attempt['how'], string> = {
  'goes on': 'accent',
  failed: 'bad',
  interrupted: 'warn',
  succeeded: 'ok',
}

function Attempts({ attempts }: { attempts: readonly Attempt[] }) {
  const now = Date.now()
  return (
    <>
      <h3>{attempts.length === 1 ? 'One attempt' : `${attempts.length} attempts`}</h3>
      <ol class="flow-attempts">
        {attempts.map(({ number, how, beganAt, endedAt, error, microUsd }) => (
          <li key={number}>
            <span class={`pill ${attemptTones[how]}`}>{attemptWords[how]}</span>
            <span>
              {timeOfDay(beganAt, now)}
              {endedAt !== null && `, ${duration(endedAt - beganAt)}`}
              {microUsd > 0 && `, ${dollars(microUsd)}`}
            </span>
            {error && (
              <span class="flow-attempt-error">
                {error.code}: {error.message}
              </span>
            )}
          </li>
        ))}
      </ol>
    </>
  )
}

function Lines({ facts: { lines, linesLeftOut } }: { facts: StepFacts }) {
  return (
    <>
      <h3>What it printed</h3>
      {linesLeftOut > 0 && <p class="faint">{linesLeftOut.toLocaleString()} lines before these are left out.</p>}
      <Code label="What it printed">{lines.join('\n')}</Code>
    </>
  )
}

const insideShown = 100

/** The steps of items, rounds or a child: those that went wrong first. */
function Inside({ run, path, choose }: { run: ShownRun; path: string; choose(path: string): void }) {
  const [isAll, setAll] = useState(false)
  const depth = segmentsOf(path).length
  const inside = [...run.facts.keys()].filter(
    one => (one.startsWith(`${path}[`) || one.startsWith(`${path}.`)) && segmentsOf(one).length === depth + 1,
  )
  if (inside.length === 0) return null
  const said = inside.map(one => ({ path: one, standing: standingOf(stepAt(run.state, one), run.facts.get(one), run) }))
  const wrong = said.filter(({ standing }) => standing === 'failed')
  const ordered = [...wrong, ...said.filter(({ standing }) => standing !== 'failed')]
  const shown = isAll ? ordered : ordered.slice(0, insideShown)
  return (
    <>
      <h3>Inside it</h3>
      <ul class="flow-inside">
        {shown.map(({ path: one, standing }) => (
          <li key={one}>
            <button type="button" class="flow-step" onClick={() => choose(one)}>
              <span class={`pill ${standingTones[standing]}`}>
                <StandingIcon standing={standing} size={12} />
                {standingWords[standing]}
              </span>
              <span>{one.slice(path.length).replace(/^\./, '')}</span>
            </button>
          </li>
        ))}
      </ul>
      {shown.length < ordered.length && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show all {ordered.length}
        </button>
      )}
      {run.pathsLeftOut && <p class="faint">There are more, which are only counted.</p>}
    </>
  )
}
