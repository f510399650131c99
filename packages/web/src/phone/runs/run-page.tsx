/** One run: what it says, live; what it asks; where it ran and why; and what can be done about it (PH20, PH42). */
import '../styles/notebook.css'
import '../styles/pages.css'
import { useEffect, useState } from 'preact/hooks'
import { gatesOfRun } from '../../gates/gate-store.ts'
import { OutputOf } from '../../notebook/output-view.tsx'
import { runWords, StillWanted } from '../../shell/run-actions.tsx'
import { RunFacts, RunReasons } from '../../shell/run-facts.tsx'
import { isAskedAbout, isHeld, runStanding, runTones } from '../../shell/run-words.ts'
import { projects, type RunInfo } from '../../state/known.ts'
import { GateRow } from '../inbox/gate-row.tsx'
import { Question } from '../notebook/question.tsx'
import { go, notebookAt, taskAt } from '../place.ts'
import { Asked } from '../shell/asked.tsx'
import { Go } from '../shell/go.tsx'
import { Icon } from '../shell/icons.tsx'
import { PageHead } from '../shell/page-head.tsx'
import { RunBar } from './run-bar.tsx'
import { runTitle } from './run-rows.tsx'
import { useLog, useRun } from './use-run.ts'

export function RunPage({ run: id }: { run: string }) {
  const { run, code, problem } = useRun(id)
  const isTask = run?.kind === 'task'
  useEffect(() => {
    if (isTask) go(taskAt(id), { replace: true })
  }, [isTask])
  return (
    <main class="page with-bar">
      <PageHead title={run ? runTitle(run) : 'Run'} from="/m/runs" />
      {run ? (
        <Shown run={run} code={code} />
      ) : problem ? (
        <div class="empty" role="alert">
          <h2>{problem.code === 'NOT_FOUND' ? 'No such run' : problem.message}</h2>
          <p>{[problem.detail, problem.hint].filter(Boolean).join(' ')}</p>
        </div>
      ) : (
        <div class="rows waiting" role="status" aria-label="Loading the run">
          <div class="row" />
          <div class="row" />
        </div>
      )}
      <Asked />
    </main>
  )
}

function Shown({ run, code }: { run: RunInfo; code: string | undefined }) {
  const words = runWords(run)
  return (
    <>
      <p class="run-standing" role="status">
        <span class={`pill ${runTones[run.status]}`}>{runStanding(run)}</span>
        <span>{run.deviceName ?? 'No device yet'}</span>
      </p>
      {words !== '' && <p class="faint">{words}</p>}
      {isAskedAbout(run) && <StillWanted run={run} />}
      {gatesOfRun(run.id).map(gate => (
        <ul key={gate.id} class="rows">
          <GateRow gate={gate} />
        </ul>
      ))}
      {run.logExpiredAt === null && <Output run={run} />}
      <WhereFrom run={run} />
      {code !== undefined && <Code code={code} />}
      {isHeld(run) ? <RunReasons run={run} /> : <Why run={run} />}
      <RunBar run={run} />
    </>
  )
}

function Output({ run }: { run: RunInfo }) {
  const log = useLog(run)
  const shown = log?.shown.value
  const state = log?.state.value
  const question = shown?.entry.stdinRequest
  return (
    <section aria-label="Output" class="run-output">
      {shown ? (
        <OutputOf output={shown.output} entry={shown.entry} />
      ) : (
        state === 'live' && <p class="faint">It has said nothing yet.</p>
      )}
      {state === 'cut' && (
        <p class="note" role="status">
          The connection was cut. The output goes on when the hub answers.
        </p>
      )}
      {question && run.status === 'waiting-for-input' && <Question key={question.id} run={run.id} request={question} />}
    </section>
  )
}

function WhereFrom({ run }: { run: RunInfo }) {
  const project = projects.value?.find(({ id }) => id === run.project)
  if (!project || !run.path) return <p class="faint">Its notebook is gone, or not shared with you any more.</p>
  return (
    <ul class="rows">
      <li>
        <Go to={`${notebookAt(project.name, run.path)}#run-${run.id}`} class="row">
          <span class="words">
            <span class="name">Show its cell</span>
            <span class="about">
              {project.name} / {run.path}
            </span>
          </span>
          <Icon name="chevron" size={18} />
        </Go>
      </li>
    </ul>
  )
}

function Code({ code }: { code: string }) {
  return (
    <section>
      <h2>Code</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex lint/a11y/useSemanticElements: it scrolls; a fieldset is for forms */}
      <pre class="run-code" tabIndex={0} role="group" aria-label="Code">
        <code>{code}</code>
      </pre>
    </section>
  )
}

function Why({ run }: { run: RunInfo }) {
  const [open, setOpen] = useState(false)
  return (
    <section class="rows">
      <button type="button" class="row" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="words">
          <span class="name">Where and why</span>
          <span class="about">{run.deviceName ?? 'No device yet'}</span>
        </span>
        <Icon name="chevron" size={18} />
      </button>
      {open && (
        <div class="within">
          <RunReasons run={run} />
          <RunFacts run={run} />
        </div>
      )}
    </section>
  )
}
