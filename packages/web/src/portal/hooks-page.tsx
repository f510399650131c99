/** What starts tasks from elsewhere: an issue that gets a label, a comment, a program (PO16–PO18). */
import './pages-portal.css'
import type { Hook, HookDelivery, MadeHook } from '@meshbook/core/hooks-api.ts'
import { repoName } from '@meshbook/core/task-words.ts'
import { useState } from 'preact/hooks'
import { ago } from '../notebook/duration.ts'
import { confirmed } from '../shell/ask.ts'
import { report } from '../state/toasts.ts'
import { HookForm } from './hook-form.tsx'
import { addressOf, MadeHookSteps } from './hook-steps.tsx'
import { Shown, useLoaded } from './loaded.tsx'
import { taskAt } from './page-at.ts'
import { portalApi } from './portal-api.ts'
import { Copied } from './shown-once.tsx'

export function HooksPage() {
  const hooks = useLoaded(portalApi.hooks)
  const [isNew, setNew] = useState(false)
  const [made, setMade] = useState<MadeHook | undefined>(undefined)
  const list = hooks.value
  const begin = () => {
    setMade(undefined)
    setNew(true)
  }
  const done = (hook: MadeHook) => {
    setNew(false)
    setMade(hook)
    void hooks.load()
  }
  return (
    <>
      <div class="part-head">
        <p class="part-about">A hook is an address. What is sent there, and signed with its secret, starts a task.</p>
        {!isNew && list && list.length > 0 && (
          <button type="button" class="button" onClick={begin}>
            Make a hook
          </button>
        )}
      </div>
      {isNew && <HookForm done={done} leave={() => setNew(false)} />}
      {made && <MadeHookSteps hook={made} done={() => setMade(undefined)} />}
      <Shown loaded={hooks}>
        {found => (
          <>
            {found.length === 0 && !isNew && !made && <NoHook begin={begin} />}
            <ul class="part-list">
              {found.map(hook => (
                <HookRow key={hook.id} hook={hook} changed={hooks.load} shown={setMade} />
              ))}
            </ul>
          </>
        )}
      </Shown>
    </>
  )
}

function NoHook({ begin }: { begin(): void }) {
  return (
    <div class="empty boxed">
      <h2>No hook yet</h2>
      <ol class="points teach-points">
        <li>Make a hook for a repository, with a label such as “agent”.</li>
        <li>Give its address and its secret to GitHub or GitLab, as a webhook.</li>
        <li>Put the label on an issue: an agent works on it, and the pull request comes to you.</li>
      </ol>
      <button type="button" class="button primary" onClick={begin}>
        Make the first hook
      </button>
    </div>
  )
}

const kindNames: Record<Hook['kind'], string> = { github: 'GitHub', gitlab: 'GitLab', meshbook: 'a program' }

function ruleWords({ kind, label, word }: Hook): string {
  if (kind === 'meshbook') return 'each signed order starts a task'
  const rules = [label === undefined ? '' : `the label “${label}”`, word === undefined ? '' : `a comment “${word} …”`]
  return rules.filter(Boolean).join(' or ') || 'nothing starts a task'
}

interface HookRowProps {
  hook: Hook
  changed(): Promise<void>
  shown(made: MadeHook | undefined): void
}

function HookRow({ hook, changed, shown }: HookRowProps) {
  const [busy, setBusy] = useState(false)
  const act = (title: string, work: () => Promise<void>) => async () => {
    setBusy(true)
    await work().catch(thrown => report(thrown, title))
    await changed()
    setBusy(false)
  }
  const { id, name, offAt } = hook
  const turn = act('The hook is as it was', async () => void (await portalApi.turnHook(id, offAt === null)))
  const rotate = act('The secret is as it was', async () => {
    const text = 'The old one is void at once: deliveries are refused until the new one is at the sender.'
    if (!(await confirmed({ title: `A new secret for ${name}?`, text, action: 'Make it', danger: true }))) return
    shown(await portalApi.newSecret(id))
    scrollTo(0, 0)
  })
  const remove = act('The hook was not deleted', async () => {
    const text = 'Its address answers nobody any more. Tasks that it started go on.'
    if (!(await confirmed({ title: `Delete the hook ${name}?`, text, action: 'Delete it', danger: true }))) return
    await portalApi.removeHook(id)
    shown(undefined)
  })
  return (
    <li class="part-row hook" data-off={offAt !== null}>
      <div class="part-words">
        <strong>
          {name} {offAt !== null && <span class="pill">Off</span>}
        </strong>
        <span>
          {repoName(hook.repo)} · {kindNames[hook.kind]}: {ruleWords(hook)}
        </span>
        <span class="faint">
          {hook.lastAt === null
            ? 'nothing has been delivered yet'
            : `last delivery ${ago(hook.lastAt, Date.now())}: ${hook.lastOutcome ?? ''}`}
        </span>
      </div>
      <div class="part-actions">
        <button
          type="button"
          class="button"
          disabled={busy}
          aria-label={`${offAt === null ? 'Turn off' : 'Turn on'} ${name}`}
          onClick={() => void turn()}
        >
          {offAt === null ? 'Turn off' : 'Turn on'}
        </button>
        <button
          type="button"
          class="button"
          disabled={busy}
          aria-label={`New secret for ${name}`}
          onClick={() => void rotate()}
        >
          New secret
        </button>
        <button
          type="button"
          class="button danger"
          disabled={busy}
          aria-label={`Delete ${name}`}
          onClick={() => void remove()}
        >
          Delete
        </button>
      </div>
      <HookMore hook={hook} changed={changed} />
    </li>
  )
}

function HookMore({ hook, changed }: { hook: Hook; changed(): Promise<void> }) {
  const [open, setOpen] = useState(false)
  const turn = (isOpen: boolean) => {
    setOpen(isOpen)
    // What is said of the last delivery must not be older than the list of them.
    if (isOpen) void changed()
  }
  return (
    <details class="part-more" open={open} onToggle={event => turn(event.currentTarget.open)}>
      <summary aria-label={`Address and deliveries of ${hook.name}`}>Address and deliveries</summary>
      {open && (
        <>
          <Copied label="Address" text={addressOf(hook.id)} />
          <Deliveries id={hook.id} lastAt={hook.lastAt} changed={changed} />
        </>
      )}
    </details>
  )
}

const tones: Record<HookDelivery['outcome'], string> = { started: 'ok', ignored: '', refused: 'bad' }
const outcomes: Record<HookDelivery['outcome'], string> = { started: 'Started', ignored: 'Ignored', refused: 'Refused' }

function Deliveries({ id, lastAt, changed }: { id: string; lastAt: number | null; changed(): Promise<void> }) {
  const deliveries = useLoaded(() => portalApi.deliveries(id), [id, lastAt])
  return (
    <Shown loaded={deliveries}>
      {list => (
        <>
          {list.length === 0 && (
            <p class="faint">
              Nothing has come yet. GitHub sends a ping as soon as the webhook is saved; GitLab has a Test button.
            </p>
          )}
          <ol class="deliveries" aria-label="Last deliveries, newest first">
            {list.map((delivery, at) => (
              <li key={`${delivery.at} ${at}`}>
                <span class={`pill ${tones[delivery.outcome]}`}>{outcomes[delivery.outcome]}</span>
                <span class="grow">
                  {delivery.task === null ? delivery.reason : <a href={taskAt(delivery.task)}>its task</a>}
                </span>
                <time class="faint" dateTime={new Date(delivery.at).toISOString()}>
                  {ago(delivery.at, Date.now())}
                </time>
              </li>
            ))}
          </ol>
          <button type="button" class="button" onClick={() => void Promise.all([deliveries.load(), changed()])}>
            Look again
          </button>
        </>
      )}
    </Shown>
  )
}
