/** API tokens: what programs come with (PO32). */
import './pages-portal.css'
import { type ApiToken, type Scope, scopes } from '@meshbook/core/api.ts'
import { useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { ago } from '../notebook/duration.ts'
import { confirmed } from '../shell/ask.ts'
import { report } from '../state/toasts.ts'
import { Shown, useLoaded } from './loaded.tsx'
import { portalApi } from './portal-api.ts'
import { Copied } from './shown-once.tsx'

const allowed: Record<Scope, string> = {
  read: 'reads projects, documents, runs and what models cost',
  write: 'changes documents and files',
  run: 'runs code, gives tasks and asks models',
}

export function TokensPage() {
  const tokens = useLoaded(portalApi.tokens)
  const [made, setMade] = useState<ApiToken | undefined>(undefined)
  const revoke = async ({ id, name }: ApiToken) => {
    const text = 'What uses it is refused from then on, and what it has open is closed at once.'
    if (!(await confirmed({ title: `Revoke ${name}?`, text, action: 'Revoke it', danger: true }))) return
    await portalApi.removeToken(id).catch(thrown => report(thrown, `${name} was not revoked`))
    setMade(before => (before?.id === id ? undefined : before))
    await tokens.load()
  }
  return (
    <>
      <p class="part-about">
        A token is for a program: the command line, a script, a client of the API. It is you, as far as its rights go.
        For models alone take a virtual key, which has a budget: <a href="/portal/keys">Keys</a>.
      </p>
      {made?.token !== undefined && (
        <div class="once" role="status">
          <p>
            <strong>{made.name} is made.</strong> Copy it now: it is shown this one time.
          </p>
          <Copied label="Token" text={made.token} />
          <button type="button" class="button" onClick={() => setMade(undefined)}>
            I have it
          </button>
        </div>
      )}
      <Shown loaded={tokens}>
        {list => <TokenList tokens={list.filter(token => token.scopes?.length !== 0)} revoke={revoke} />}
      </Shown>
      <NewToken
        made={token => {
          setMade(token)
          void tokens.load()
        }}
      />
    </>
  )
}

function TokenList({ tokens, revoke }: { tokens: readonly ApiToken[]; revoke(token: ApiToken): Promise<void> }) {
  if (tokens.length === 0)
    return (
      <div class="empty boxed">
        <h2>No token yet</h2>
        <p>Make one with as few rights as its program needs. It goes into the header “Authorization: Bearer …”.</p>
      </div>
    )
  return (
    <ul class="part-list">
      {tokens.map(token => (
        <li key={token.id} class="part-row">
          <div class="part-words">
            <strong>{token.name}</strong>
            <span>{(token.scopes ?? []).map(scope => allowed[scope]).join('; ')}</span>
            <span class="faint">made {ago(token.createdAt, Date.now())}</span>
          </div>
          <div class="part-actions">
            <button
              type="button"
              class="button danger"
              aria-label={`Revoke ${token.name}`}
              onClick={() => void revoke(token)}
            >
              Revoke
            </button>
          </div>
        </li>
      ))}
    </ul>
  )
}

function NewToken({ made }: { made(token: ApiToken): void }) {
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<readonly Scope[]>(['read'])
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    if (name.trim() === '') return setProblem('Give it a name, such as the program that will have it.')
    if (chosen.length === 0) return setProblem('Without any right it can do nothing.')
    setBusy(true)
    setProblem('')
    try {
      made(await portalApi.makeToken(name.trim(), chosen))
      setName('')
      setChosen(['read'])
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
    }
    setBusy(false)
  }
  return (
    <form class="part-form boxed-form" onSubmit={event => void submit(event)} noValidate>
      <label>
        Name of the token
        <input
          class="field"
          autocomplete="off"
          value={name}
          placeholder="nightly script"
          onInput={event => setName(event.currentTarget.value)}
        />
      </label>
      <fieldset class="scope-choices">
        <legend>It</legend>
        {scopes.map(scope => (
          <label key={scope} class="scope-choice">
            <input
              type="checkbox"
              checked={chosen.includes(scope)}
              onChange={() =>
                setChosen(scopes.filter(one => (one === scope ? !chosen.includes(one) : chosen.includes(one))))
              }
            />
            <span>{allowed[scope]}</span>
          </label>
        ))}
        <span class="faint">
          With all three it may also do what decides about others: members, keys, hooks, tokens.
        </span>
      </fieldset>
      {problem !== '' && (
        <p class="notice bad" role="alert">
          {problem}
        </p>
      )}
      <div class="part-actions">
        <button type="submit" class="button primary" disabled={busy}>
          Make a token
        </button>
      </div>
    </form>
  )
}
