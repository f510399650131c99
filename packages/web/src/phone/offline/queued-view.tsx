/** A run in the queue of this phone: how it stands, and what the user can do about it (PH21, PH23, PH24). */
import './queued.css'
import { asApiError } from '../../api/api-error.ts'
import { deviceById, runs } from '../../state/known.ts'
import { hub } from '../first-list.ts'
import { say } from '../say.ts'
import { answerQueued } from './browser-outbox.ts'
import type { QueuedRun } from './queued-run.ts'
import { askedBecause, queuedWords } from './queued-words.ts'

type Answer = Parameters<typeof answerQueued>[1]

export function QueuedView({ run }: { run: QueuedRun }) {
  const { on } = run.demands
  const device = on === undefined ? undefined : deviceById.value.get(on)
  const facts = {
    isOpen: hub.value === 'open',
    isAway: on !== undefined && deviceById.value.size > 0 && device?.status !== 'online',
    reason: runs.value.get(run.id)?.reasons.join(' '),
  }
  const isBad = run.state.is === 'refused'
  return (
    <div class="queued">
      <p class={`words ${isBad ? 'bad' : ''}`} role="status">
        {queuedWords(run, facts)}
      </p>
      {run.state.is === 'refused' && run.state.hint !== '' && <p class="words">{run.state.hint}</p>}
      {run.state.is === 'asks' && <Asks run={run} />}
      <Choices run={run} />
    </div>
  )
}

function Asks({ run }: { run: QueuedRun }) {
  const now = run.state.is === 'asks' ? run.state.code : undefined
  return (
    <>
      <p class="words">{askedBecause(run)}</p>
      <Code title={now === undefined ? 'What was queued' : 'Queued'} code={run.code} />
      {now !== undefined && <Code title="The cell now" code={now} />}
    </>
  )
}

function Code({ title, code }: { title: string; code: string }) {
  return (
    <figure class="queued-code">
      <figcaption>{title}</figcaption>
      <pre>{code}</pre>
    </figure>
  )
}

function Choices({ run }: { run: QueuedRun }) {
  const { state } = run
  if (state.is === 'sent' || run.isUnwanted) return null
  if (state.is === 'sending')
    return (
      <div class="choices">
        <Choice run={run} answer="drop" text="Cancel" />
      </div>
    )
  if (state.is === 'queued')
    return (
      <div class="choices">
        <Choice run={run} answer="drop" text="Take back" />
      </div>
    )
  const hasNew = state.is === 'asks' && state.code !== undefined
  const mayRun = state.is !== 'asks' || state.why !== 'gone' || run.code !== ''
  return (
    <div class="choices">
      {hasNew && <Choice run={run} answer="new code" text="Run the new code" isFirst />}
      {mayRun && (
        <Choice
          run={run}
          answer="as it was"
          text={state.is === 'refused' ? 'Try again' : hasNew ? 'Run what was queued' : 'Run it'}
          isFirst={!hasNew}
        />
      )}
      <Choice run={run} answer="drop" text="Drop it" />
    </div>
  )
}

function Choice({ run, answer, text, isFirst }: { run: QueuedRun; answer: Answer; text: string; isFirst?: boolean }) {
  const press = () =>
    answerQueued(run.id, answer).catch(thrown => say(asApiError(thrown), 'It could not be stored what you want'))
  return (
    <button type="button" class={`button ${isFirst ? 'primary' : ''}`} onClick={() => void press()}>
      {text}
    </button>
  )
}
