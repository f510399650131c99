/** What starts workflows by itself: by time, webhook, changed files, the end of another run (PO80–PO82). */
import '../portal/pages-portal.css'
import './workflows.css'
import type { Trigger } from '@meshbook/core/workflow/trigger-info.ts'
import { useState } from 'preact/hooks'
import { ago, timeOfDay } from '../notebook/duration.ts'
import { Shown, useLoaded } from '../portal/loaded.tsx'
import { PagedProblem, usePaged } from '../portal/paged.tsx'
import { Copied } from '../portal/shown-once.tsx'
import { confirmed } from '../shell/ask.ts'
import { report } from '../state/toasts.ts'
import { PinForm } from './pin-form.tsx'
import { workflowRunAt } from './run-row.tsx'
import { kindWords, onWords, outcomeTones, outcomeWords } from './trigger-words.ts'
import { triggersApi } from './triggers-api.ts'

export function TriggersPage() {
  const [round, setRound] = useState(0)
  const paged = usePaged(triggersApi.page, [round])
  const [isNew, setNew] = useState(false)
  const [made, setMade] = useState<Trigger | undefined>(undefined)
  const changed = () => setRound(round + 1)
  const begin = () => {
    setMade(undefined)
    setNew(true)
  }
  const done = (trigger: Trigger) => {
    setNew(false)
    setMade(trigger)
    changed()
  }
  return (
    <>
      <div class="part-head">
        <p class="part-about">
          A trigger is a file of a workflow that is pinned to what its “on” says. Its runs are for whoever pinned it,
          and a file that is edited later changes nothing until it is pinned again.
        </p>
        {!isNew && paged.items && paged.items.length > 0 && (
          <button type="button" class="button" onClick={begin}>
            Add a trigger
          </button>
        )}
      </div>
      {isNew && <PinForm done={done} leave={() => setNew(false)} />}
      {made && <Made trigger={made} />}
      <PagedProblem paged={paged} />
      {paged.items?.length === 0 && !isNew && <NoTrigger begin={begin} />}
      <ul class="part-list">
        {paged.items?.map(trigger => (
          <TriggerRow key={trigger.id} trigger={trigger} changed={changed} />
        ))}
      </ul>
      {paged.more && (
        <button type="button" class="button" disabled={paged.busy} onClick={paged.more}>
          Show older triggers
        </button>
      )}
    </>
  )
}

function Made({ trigger }: { trigger: Trigger }) {
  const { on, name } = trigger
  return (
    <section class="once" aria-label="The trigger is pinned">
      <p role="status">
        <strong>{name}</strong> is pinned. {kindWords[trigger.kind]}: {onWords(trigger)}.
      </p>
      {on.webhook && (
        <>
          <Copied label="Address for the sender" text={location.origin + on.webhook.path} />
          <p class="faint">
            Whoever calls it signs with the value of the key {on.webhook.secret}, which stands under Keys.
          </p>
        </>
      )}
    </section>
  )
}

function NoTrigger({ begin }: { begin(): void }) {
  return (
    <div class="empty boxed">
      <h2>Nothing starts a workflow by itself yet</h2>
      <ol class="points teach-points">
        <li>Write “on” into the file of a workflow: a schedule, a webhook, files, or the end of another run.</li>
        <li>Pin the file here: the hub starts its runs from then on, each once.</li>
        <li>What it started, and why it did not, stands beside it.</li>
      </ol>
      <button type="button" class="button primary" onClick={begin}>
        Add the first trigger
      </button>
    </div>
  )
}

function TriggerRow({ trigger, changed }: { trigger: Trigger; changed(): void }) {
  const [busy, setBusy] = useState(false)
  const { id, name, enabled, last, nextAt } = trigger
  const now = Date.now()
  const act = async (title: string, work: () => Promise<unknown>) => {
    setBusy(true)
    await work().then(changed, thrown => report(thrown, title))
    setBusy(false)
  }
  const turn = () => act('The trigger is as it was', () => triggersApi.turn(id, !enabled))
  const remove = async () => {
    const text = 'It starts nothing any more. Runs that it started go on.'
    if (await confirmed({ title: `Remove the trigger of ${name}?`, text, action: 'Remove it', danger: true }))
      await act('The trigger was not removed', () => triggersApi.remove(id))
  }
  return (
    <li class="part-row hook" data-off={!enabled}>
      <div class="part-words">
        <strong>
          {name} {!enabled && <span class="pill">Off</span>}
        </strong>
        <span>
          {kindWords[trigger.kind]}: {onWords(trigger)}
        </span>
        <span class="faint">
          {[
            nextAt !== null && `next ${timeOfDay(nextAt, now)}`,
            last === null
              ? 'has started nothing yet'
              : `${outcomeWords[last.outcome].toLowerCase()} ${ago(last.at, now)}`,
            `pinned by ${trigger.madeBy} from ${trigger.file}`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </div>
      <div class="part-actions">
        <button
          type="button"
          class="button"
          disabled={busy}
          aria-label={`${enabled ? 'Turn off' : 'Turn on'} ${name}`}
          onClick={() => void turn()}
        >
          {enabled ? 'Turn off' : 'Turn on'}
        </button>
        <button
          type="button"
          class="button danger"
          disabled={busy}
          aria-label={`Remove ${name}`}
          onClick={() => void remove()}
        >
          Remove
        </button>
      </div>
      <More trigger={trigger} />
    </li>
  )
}

function More({ trigger }: { trigger: Trigger }) {
  const [open, setOpen] = useState(false)
  return (
    <details class="part-more" onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>{trigger.kind === 'schedule' ? 'Next times and last runs' : 'Last runs'}</summary>
      {open && (
        <>
          {trigger.on.webhook && (
            <Copied label="Address for the sender" text={location.origin + trigger.on.webhook.path} />
          )}
          {trigger.kind === 'schedule' && <NextTimes id={trigger.id} />}
          <Outcomes id={trigger.id} />
        </>
      )}
    </details>
  )
}

function NextTimes({ id }: { id: string }) {
  const times = useLoaded(() => triggersApi.next(id), [id])
  return (
    <Shown loaded={times}>
      {found =>
        found.length === 0 ? (
          <p class="faint">It starts nothing while it is off.</p>
        ) : (
          <ul class="trigger-times" aria-label="Next times">
            {found.map(at => (
              <li key={at}>{timeOfDay(at, Date.now())}</li>
            ))}
          </ul>
        )
      }
    </Shown>
  )
}

function Outcomes({ id }: { id: string }) {
  const outcomes = useLoaded(() => triggersApi.outcomes(id), [id])
  return (
    <Shown loaded={outcomes}>
      {found =>
        found.length === 0 ? (
          <p class="faint">Nothing has happened yet.</p>
        ) : (
          <ul class="deliveries" aria-label="Last runs">
            {found.map(({ at, outcome, run, reason }, n) => (
              <li key={n}>
                <span class={`pill ${outcomeTones[outcome]}`}>{outcomeWords[outcome]}</span>
                <time dateTime={new Date(at).toISOString()}>{timeOfDay(at, Date.now())}</time>
                <span class="grow">{run === null ? reason : <a href={workflowRunAt(run)}>its run</a>}</span>
              </li>
            ))}
          </ul>
        )
      }
    </Shown>
  )
}
