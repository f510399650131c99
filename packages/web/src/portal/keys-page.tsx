/** Keys that the hub uses and never shows, and keys for programs that ask models through the hub (PO10–PO13). */
import './pages-portal.css'
import type { ModelKey } from '@meshbook/core/models-api.ts'
import { dollars } from '@meshbook/core/task-words.ts'
import type { StoredKey } from '@meshbook/core/tasks-api.ts'
import { useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { ago } from '../notebook/duration.ts'
import { confirmed } from '../shell/ask.ts'
import { report } from '../state/toasts.ts'
import { KeyForm, type KeyWish, kindNames } from './key-form.tsx'
import { Shown, useLoaded } from './loaded.tsx'
import { portalApi } from './portal-api.ts'
import { Copied } from './shown-once.tsx'

export function KeysPage() {
  const keys = useLoaded(portalApi.keys)
  const [wish, setWish] = useState<KeyWish | undefined>(undefined)
  const saved = async () => {
    setWish(undefined)
    await keys.load()
  }
  return (
    <>
      <section aria-labelledby="stored-keys">
        <div class="part-head">
          <h2 id="stored-keys">Models and git hosts</h2>
          {!wish && keys.value && keys.value.length > 0 && (
            <button type="button" class="button" onClick={() => setWish({ kind: 'anthropic', name: '', at: '' })}>
              Add a key
            </button>
          )}
        </div>
        <p class="part-about">
          Sealed on the hub, used by the hub, and never shown again. No sandbox has one: the hub adds it on the way out.
        </p>
        {wish && (
          <KeyForm
            key={`${wish.name} ${wish.kind}`}
            wish={wish}
            names={keys.value?.map(({ name }) => name) ?? []}
            done={() => void saved()}
            leave={() => setWish(undefined)}
          />
        )}
        <Shown loaded={keys}>
          {list => (
            <>
              {list.length === 0 && !wish && <FirstKeys want={setWish} />}
              <KeyList keys={list} replace={setWish} changed={keys.load} />
            </>
          )}
        </Shown>
      </section>
      <ModelKeys />
    </>
  )
}

const beginnings: readonly { wish: KeyWish; title: string; text: string }[] = [
  {
    wish: { kind: 'anthropic', name: 'anthropic', at: '' },
    title: 'Anthropic',
    text: 'Claude models. Make a key in the console under API keys.',
  },
  {
    wish: { kind: 'openai', name: 'openai', at: '' },
    title: 'OpenAI, or what speaks like it',
    text: 'Also servers of your own: say at which address they are.',
  },
  {
    wish: { kind: 'gemini', name: 'gemini', at: '' },
    title: 'Gemini',
    text: 'Google’s models. Make a key in AI Studio.',
  },
  {
    wish: { kind: 'git', name: 'github', at: 'github.com' },
    title: 'A git host',
    text: 'A token that may fetch, push and open pull requests, and nothing else.',
  },
]

function FirstKeys({ want }: { want(wish: KeyWish): void }) {
  return (
    <div class="empty boxed first-keys">
      <h3>No key yet</h3>
      <p>
        An agent thinks with a model, so the first task needs one key of a provider. Private repositories need one of
        their host too.
      </p>
      <ul class="choices">
        {beginnings.map(({ wish, title, text }) => (
          <li key={wish.name}>
            <button type="button" class="choice" onClick={() => want(wish)}>
              <strong>{title}</strong>
              <span class="faint">{text}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}

interface KeyListProps {
  keys: readonly StoredKey[]
  replace(wish: KeyWish): void
  changed(): Promise<void>
}

function KeyList({ keys, replace, changed }: KeyListProps) {
  const remove = async ({ name }: StoredKey) => {
    const text = 'What needs it fails from now on, until another one is set. Its value cannot be brought back.'
    if (!(await confirmed({ title: `Delete the key ${name}?`, text, action: 'Delete it', danger: true }))) return
    await portalApi.removeKey(name).catch(thrown => report(thrown, 'The key was not deleted'))
    await changed()
  }
  return (
    <ul class="part-list">
      {keys.map(key => (
        <li key={key.name} class="part-row">
          <div class="part-words">
            <strong>{key.name}</strong>
            <span>
              {kindNames[key.kind]}
              {key.at !== null && ` at ${key.at}`}
              {key.ends !== '' && (
                <>
                  {' · ends with '}
                  <code>{key.ends}</code>
                </>
              )}
            </span>
            <span class="faint">
              set {ago(key.changedAt, Date.now())} ·{' '}
              {key.usedAt === null ? 'never used' : `used ${ago(key.usedAt, Date.now())}`}
            </span>
          </div>
          <div class="part-actions">
            <button
              type="button"
              class="button"
              aria-label={`Replace ${key.name}`}
              onClick={() => replace({ kind: key.kind, name: key.name, at: key.at ?? '', replaces: true })}
            >
              Replace
            </button>
            <button
              type="button"
              class="button danger"
              aria-label={`Delete ${key.name}`}
              onClick={() => void remove(key)}
            >
              Delete
            </button>
          </div>
        </li>
      ))}
    </ul>
  )
}

function ModelKeys() {
  const keys = useLoaded(portalApi.modelKeys)
  const [made, setMade] = useState<ModelKey | undefined>(undefined)
  const end = async ({ id, name }: ModelKey) => {
    const text = 'Programs that have it are refused at once. What it spent stays in the usage.'
    if (!(await confirmed({ title: `End the virtual key ${name}?`, text, action: 'End it', danger: true }))) return
    await portalApi.removeModelKey(id).catch(thrown => report(thrown, 'The key was not ended'))
    if (made?.id === id) setMade(undefined)
    await keys.load()
  }
  return (
    <section aria-labelledby="model-keys">
      <div class="part-head">
        <h2 id="model-keys">Virtual keys</h2>
      </div>
      <p class="part-about">
        For your own programs: a key that asks models through this hub, up to its budget, and can do nothing else. Your
        provider’s key stays here.
      </p>
      {made?.token !== undefined && (
        <div class="once" role="status">
          <p>
            <strong>{made.name} is made.</strong> Copy it now: it is shown this one time.
          </p>
          <Copied label="Key" text={made.token} />
          <Copied label="Address for Anthropic clients" text={`${location.origin}/gateway/anthropic`} />
          <Copied label="Address for OpenAI clients" text={`${location.origin}/gateway/openai/v1`} />
          <Copied label="Address for Gemini clients" text={`${location.origin}/gateway/gemini`} />
          <button type="button" class="button" onClick={() => setMade(undefined)}>
            I have it
          </button>
        </div>
      )}
      <Shown loaded={keys}>
        {list => (
          <ul class="part-list">
            {list.map(key => (
              <li key={key.id} class="part-row">
                <div class="part-words">
                  <strong>{key.name}</strong>
                  <Spent name={key.name} spent={key.spent.microUsd} cap={key.budget.microUsd} />
                  <span class="faint">made {ago(key.createdAt, Date.now())}</span>
                </div>
                <div class="part-actions">
                  <button
                    type="button"
                    class="button danger"
                    aria-label={`End ${key.name}`}
                    onClick={() => void end(key)}
                  >
                    End
                  </button>
                </div>
              </li>
            ))}
          </ul>
        )}
      </Shown>
      <NewModelKey
        made={key => {
          setMade(key)
          void keys.load()
        }}
      />
    </section>
  )
}

export function Spent({ name, spent, cap }: { name: string; spent: number; cap: number | undefined }) {
  if (cap === undefined) return <span>{dollars(spent)} spent, no budget</span>
  return (
    <span class="spent">
      <meter
        aria-label={`Spent of the budget of ${name}`}
        min={0}
        max={cap}
        high={0.8 * cap}
        value={Math.min(spent, cap)}
      />
      {dollars(spent)} of {dollars(cap)}
    </span>
  )
}

function NewModelKey({ made }: { made(key: ModelKey): void }) {
  const [name, setName] = useState('')
  const [budget, setBudget] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    if (name.trim() === '') return setProblem('Give it a name, such as the program that will have it.')
    if (budget.trim() !== '' && !(Number(budget) > 0))
      return setProblem('The budget is an amount of dollars, such as 10.')
    setBusy(true)
    setProblem('')
    try {
      const microUsd = budget.trim() === '' ? undefined : Math.round(Number(budget) * 1e6)
      made(await portalApi.makeModelKey(name.trim(), microUsd))
      setName('')
      setBudget('')
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
    }
    setBusy(false)
  }
  return (
    <form class="part-form in-line" onSubmit={event => void submit(event)} noValidate>
      <label>
        Name of the virtual key
        <input
          class="field"
          autocomplete="off"
          value={name}
          placeholder="nightly report"
          onInput={event => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        Budget in dollars
        <input
          class="field"
          inputMode="decimal"
          autocomplete="off"
          value={budget}
          placeholder="none"
          onInput={event => setBudget(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button" disabled={busy}>
        Make a virtual key
      </button>
      {problem !== '' && (
        <p class="notice bad note" role="alert">
          {problem}
        </p>
      )}
    </form>
  )
}
