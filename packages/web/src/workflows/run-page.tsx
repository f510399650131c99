/** One run of a workflow, live: its graph or its steps in words, and a step that was pressed (PO71–PO74). */
import '../portal/pages-portal.css'
import './fields.css'
import './workflows.css'
import { hasEnded } from '@meshbook/core/run.ts'
import { parseWorkflow } from '@meshbook/core/workflow/parse-workflow.ts'
import type { Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { heldTotal } from '@meshbook/core/workflow/workflow-state.ts'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { gatesOfRun } from '../gates/gate-store.ts'
import { ago, duration, timeOfDay } from '../notebook/duration.ts'
import { GateCardTwice } from '../portal/gate-card-twice.tsx'
import { Segments } from '../portal/segments.tsx'
import { browserFollowPorts, type FollowState, followLog } from '../runs/follow-log.ts'
import { hub, type RunInfo } from '../state/known.ts'
import { graphOf, graphWithoutFile } from './graph.ts'
import { GraphView } from './graph-view.tsx'
import { RunActions } from './run-actions.tsx'
import { workflowRunAt } from './run-row.tsx'
import { titledRun } from './run-title.ts'
import { addToRun, noRun, type ShownRun } from './shown-run.ts'
import { StepDetails, Value } from './step-details.tsx'
import { runStanding, spentWords, standingOf } from './step-words.ts'
import { StepsList } from './steps-list.tsx'
import { onNewsOfWorkflows } from './use-workflow-runs.ts'
import { workflowsApi } from './workflows-api.ts'

const lookMs = 5_000
const overAt = (run: WorkflowRun | undefined): boolean => run !== undefined && hasEnded(run.status as RunInfo['status'])

export function WorkflowRunPage({ id }: { id: string }) {
  const { run, problem, set } = useRun(id)
  const { shown, follow } = useShownRun(id, run)
  const { workflow, unread } = useWorkflow(id, shown.state.began !== null)
  useEffect(() => {
    if (run) titledRun.value = { id, name: run.name }
  }, [id, run?.name])
  if (!run)
    return problem ? (
      <div class="empty" role="alert">
        <h2>{problem.code === 'NOT_FOUND' ? 'No such run' : 'It cannot be shown now'}</h2>
        <p>{[problem.message, problem.hint].filter(Boolean).join(' ')}</p>
        <a class="button" href="/portal/workflows">
          All runs of workflows
        </a>
      </div>
    ) : (
      <p class="faint" role="status">
        Loading…
      </p>
    )
  const isOver = shown.ended || overAt(run)
  return (
    <div class="flow-run">
      <Facts run={run} shown={shown} follow={follow} />
      <RunActions run={run} shown={shown} isOver={isOver} changed={set} />
      <Ended run={run} shown={shown} />
      <Asked id={id} />
      {unread !== '' && <p class="notice warn note">{unread}</p>}
      {isOver && follow === 'ended' && shown.seq === 0 ? (
        <p class="notice warn note">The log of this run has expired. What became of it is still known.</p>
      ) : (
        <Steps id={id} shown={shown} workflow={workflow} />
      )}
      <Given shown={shown} />
    </div>
  )
}

/** Asked again when the hub tells of it, and while it goes on: what it waits for is told by no event. */
function useRun(id: string) {
  const [run, set] = useState<WorkflowRun | undefined>(undefined)
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const latest = useRef<WorkflowRun | undefined>(undefined)
  latest.current = run
  useEffect(() => {
    let over = false
    const look = async () => {
      try {
        const found = await workflowsApi.run(id)
        if (over) return
        set(found)
        setProblem(undefined)
      } catch (thrown) {
        if (!over) setProblem(asApiError(thrown))
      }
    }
    void look()
    const stop = onNewsOfWorkflows(() => void look(), id)
    const timer = setInterval(() => {
      if (!overAt(latest.current) && !document.hidden && hub.peek() !== 'down') void look()
    }, lookMs)
    return () => {
      over = true
      stop()
      clearInterval(timer)
    }
  }, [id])
  return { run, problem, set }
}

function useShownRun(id: string, run: WorkflowRun | undefined) {
  const shown = useSignal<ShownRun>(noRun)
  const follow = useSignal<FollowState>('opening')
  const isOver = useRef(false)
  isOver.current = overAt(run)
  useEffect(() => {
    shown.value = noRun
    const followed = followLog(
      id,
      {
        isOver: () => isOver.current,
        take(events) {
          shown.value = addToRun(shown.peek(), events)
          return shown.peek().ended
        },
      },
      browserFollowPorts,
    )
    const stop = followed.state.subscribe(state => {
      follow.value = state
    })
    return () => {
      stop()
      followed.stop()
    }
  }, [id])
  return { shown: shown.value, follow: follow.value }
}

/** The file that the run is pinned to, once it has begun. */
function useWorkflow(id: string, hasBegun: boolean) {
  const [found, setFound] = useState<{ workflow: Workflow | undefined; unread: string }>(nothingRead)
  useEffect(() => {
    setFound(nothingRead)
    if (!hasBegun) return
    let over = false
    workflowsApi.files(id).then(
      ({ file, files }) => {
        const { workflow } = parseWorkflow(files[file] ?? '')
        if (!over) setFound({ workflow, unread: workflow ? '' : otherVersion })
      },
      thrown => {
        if (!over) setFound({ workflow: undefined, unread: `Its file cannot be read: ${asApiError(thrown).message}.` })
      },
    )
    return () => {
      over = true
    }
  }, [id, hasBegun])
  return found
}
const nothingRead = { workflow: undefined, unread: '' }
const otherVersion = 'Its file was written for another version. The steps are shown as they began.'

function Facts({ run, shown, follow }: { run: WorkflowRun; shown: ShownRun; follow: FollowState }) {
  const now = Date.now()
  const { state } = shown
  const { word, tone } = runStanding(run)
  const ended = state.ended?.at ?? run.endedAt
  const fork = state.began?.forkedFrom
  return (
    <dl class="flow-facts">
      <div>
        <dt>State</dt>
        <dd>
          <span class={`pill ${tone}`} role="status">
            {word}
          </span>
          {follow === 'cut' && <span class="faint"> The hub does not answer; it goes on by itself.</span>}
        </dd>
      </div>
      <div>
        <dt>Asked for</dt>
        <dd>
          <time dateTime={new Date(run.requestedAt).toISOString()} title={timeOfDay(run.requestedAt, now)}>
            {ago(run.requestedAt, now)}
          </time>{' '}
          by {run.requestedBy}
          {run.trigger !== null && <a href="/portal/triggers">through a trigger</a>}
        </dd>
      </div>
      <div>
        <dt>{ended === null ? 'Goes on for' : 'Took'}</dt>
        <dd>
          {run.startedAt === null
            ? 'not begun'
            : duration((ended ?? now) - run.startedAt, ended === null ? 'coarse' : 'fine')}
        </dd>
      </div>
      <div>
        <dt>Cost</dt>
        <dd>{spentWords({ spent: state.spent, held: heldTotal(state), budget: state.budget })}</dd>
      </div>
      {run.dueAt !== null && run.dueAt > now && (
        <div>
          <dt>Goes on</dt>
          <dd>{timeOfDay(run.dueAt, now)}</dd>
        </div>
      )}
      {fork && (
        <div>
          <dt>Forked</dt>
          <dd>
            <a href={workflowRunAt(fork.run)}>from {fork.step}</a>
          </dd>
        </div>
      )}
    </dl>
  )
}

function Ended({ run, shown }: { run: WorkflowRun; shown: ShownRun }) {
  const error = shown.state.ended?.error
  return (
    <>
      {error ? (
        <p class="notice bad flow-problem">
          <strong>{error.code}</strong> {error.message}
        </p>
      ) : (
        run.error && <p class="notice bad flow-problem">{`${run.error.name}: ${run.error.message}`}</p>
      )}
      {shown.state.ended?.output && (
        <Value title="What it came to" stored={shown.state.ended.output} name="result.json" isOpen />
      )}
    </>
  )
}

function Asked({ id }: { id: string }) {
  const [seen] = useState(() => new Set<string>())
  const gates = gatesOfRun(id)
  for (const gate of gates) if (gate.state === 'open') seen.add(gate.id)
  const asked = gates.filter(gate => seen.has(gate.id))
  if (asked.length === 0) return null
  return (
    <section aria-label="What it asks" class="gates-waiting">
      {asked.map(gate => (
        <GateCardTwice key={gate.id} gate={gate} />
      ))}
    </section>
  )
}

const looks = [
  ['graph', 'Graph'],
  ['list', 'List'],
] as const

function Steps({ id, shown, workflow }: { id: string; shown: ShownRun; workflow: Workflow | undefined }) {
  const [look, setLook] = useState<'graph' | 'list'>('graph')
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const began = Object.keys(shown.state.root.steps).join()
  const graph = useMemo(
    () => (workflow ? graphOf(workflow.steps) : graphWithoutFile(began === '' ? [] : began.split(','))),
    [workflow, workflow ? '' : began],
  )
  const ids = graph.layers.flat()
  const props = { steps: workflow?.steps ?? {}, graph, run: shown, chosen, choose: setChosen }
  return (
    <section aria-labelledby="flow-steps">
      <div class="part-head">
        <h2 id="flow-steps">Steps</h2>
        <Segments
          label="How steps are shown"
          name="flow-look"
          value={look}
          of={looks}
          set={value => setLook(value === 'list' ? 'list' : 'graph')}
        />
      </div>
      <p class="visually-hidden" role="status">
        {progressWords(ids, shown)}
      </p>
      {ids.length === 0 && <p class="faint">No step has begun yet.</p>}
      {ids.length > 0 && (look === 'graph' ? <GraphView {...props} /> : <StepsList {...props} />)}
      {ids.length > 0 && chosen === undefined && (
        <p class="faint flow-hint">
          Press a step to see what it did: its result, attempts, errors, and what it printed.
        </p>
      )}
      {chosen !== undefined && (
        <StepDetails
          key={chosen}
          run={shown}
          id={id}
          workflow={workflow}
          path={chosen}
          choose={setChosen}
          mayFork={shown.state.began !== null}
        />
      )}
    </section>
  )
}

/** For who listens: how far it is, and what wants somebody. */
function progressWords(ids: readonly string[], shown: ShownRun): string {
  const standing = ids.map(id => [id, standingOf(shown.state.root.steps[id], shown.facts.get(id), shown)] as const)
  const ended = standing.filter(([id]) => shown.facts.get(id)?.outcome).length
  const named = (what: string, words: string): string => {
    const found = standing.filter(([, one]) => one === what).map(([id]) => id)
    return found.length === 0 ? '' : ` ${found.join(', ')} ${words}.`
  }
  return `${ended} of ${ids.length} steps have ended.${named('gate', 'asks you')}${named('failed', 'failed')}`
}

function Given({ shown }: { shown: ShownRun }) {
  const { began } = shown.state
  return (
    <>
      {began && Object.keys(began.inputs).length > 0 && (
        <Value title="Inputs" stored={{ value: began.inputs }} name="inputs.json" />
      )}
      {shown.notices.length > 0 && (
        <details class="part-more">
          <summary>Notices</summary>
          <ul>
            {shown.notices.map((notice, at) => (
              <li key={at}>{notice}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}
