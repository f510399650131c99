/** Sets a key: its value goes to the hub and is forgotten here (PO11). */
import type { StoredKey } from '@meshbook/core/tasks-api.ts'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { portalApi } from './portal-api.ts'

export interface KeyWish {
  kind: StoredKey['kind']
  name: string
  at: string
  /** The value of one that is there is replaced. */
  replaces?: true
}

export const kindNames: Record<StoredKey['kind'], string> = {
  anthropic: 'Anthropic',
  openai: 'OpenAI API',
  gemini: 'Gemini API',
  git: 'Git token',
  'github-app': 'GitHub App',
  gitlab: 'GitLab token',
  secret: 'Secret of workflows',
}

interface Words {
  value: string
  at: string
  place: string
  usualAt: string
}
const models = { value: 'Key', at: 'Address, if it is not the provider’s own' }
const words: Record<StoredKey['kind'], Words> = {
  anthropic: { ...models, place: 'https://api.anthropic.com', usualAt: '' },
  openai: { ...models, place: 'https://api.openai.com/v1', usualAt: '' },
  gemini: { ...models, place: 'https://generativelanguage.googleapis.com', usualAt: '' },
  git: {
    value: 'Token, user:password, or a private key of SSH',
    at: 'Host',
    place: 'github.com',
    usualAt: 'github.com',
  },
  'github-app': { value: 'Private key (PEM)', at: 'Host', place: 'github.com', usualAt: 'github.com' },
  gitlab: { value: 'Token', at: 'Host', place: 'gitlab.com', usualAt: 'gitlab.com' },
  secret: { value: 'Value', at: 'The one host that it is sent to', place: 'api.example.com', usualAt: '' },
}
const hints: Record<StoredKey['kind'], string> = {
  anthropic: '',
  openai: '',
  gemini: '',
  git: 'On GitHub a fine-grained token of the repositories alone: contents and pull requests, read and write.',
  'github-app':
    'The app needs contents and pull requests, read and write. Tokens are made from it for one repository at a time.',
  gitlab: 'A project or group token with api and write_repository.',
  secret: 'Workflows name it in headers of their requests: secrets.NAME. The name has letters, digits and _ alone.',
}

export interface KeyFormProps {
  wish: KeyWish
  names: readonly string[]
  done(): void
  leave(): void
}

export function KeyForm({ wish, names, done, leave }: KeyFormProps) {
  const [{ kind, name, at }, setFields] = useState({ kind: wish.kind, name: wish.name, at: wish.at })
  const [value, setValue] = useState('')
  const [app, setApp] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const first = useRef<HTMLElement>(null)
  const id = useId()
  useEffect(() => first.current?.focus(), [])
  const isReplaced = wish.replaces === true
  const used = name.trim() || freeName(kind, names)
  const submit = async (event: Event) => {
    event.preventDefault()
    if (value.trim() === '') return setProblem('The value is empty.')
    if (kind === 'github-app' && app.trim() === '') return setProblem('The id of the app is missing.')
    if (!isReplaced && names.includes(used))
      return setProblem(`There is a key ${used} already: replace it, or take another name.`)
    setBusy(true)
    try {
      const place = at.trim() || words[kind].usualAt
      await portalApi.setKey(used, { kind, value: keyValue(kind, value, app), ...(place !== '' && { at: place }) })
      setValue('')
      done()
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
      setBusy(false)
    }
  }
  const focusOn = (isWanted: boolean) => (isWanted ? { ref: first as never } : {})
  return (
    <form
      class="part-form boxed-form"
      aria-label={isReplaced ? `Replace ${wish.name}` : 'Add a key'}
      onSubmit={event => void submit(event)}
      noValidate
    >
      <h3>{isReplaced ? `Replace ${wish.name}` : 'Add a key'}</h3>
      {!isReplaced && (
        <div class="part-fields">
          <label>
            What it is for
            <select
              class="field"
              value={kind}
              {...focusOn(true)}
              onChange={event => setFields({ kind: event.currentTarget.value as StoredKey['kind'], name, at: '' })}
            >
              {Object.entries(kindNames).map(([one, label]) => (
                <option key={one} value={one}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <label>
            Name
            <input
              class="field"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              value={name}
              placeholder={freeName(kind, names)}
              onInput={event => setFields({ kind, name: event.currentTarget.value, at })}
            />
          </label>
          <label>
            {words[kind].at}
            <input
              class="field"
              inputMode="url"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              value={at}
              placeholder={words[kind].place}
              onInput={event => setFields({ kind, name, at: event.currentTarget.value })}
            />
          </label>
        </div>
      )}
      {kind === 'github-app' && (
        <label>
          App id
          <input
            class="field"
            autocomplete="off"
            inputMode="numeric"
            value={app}
            onInput={event => setApp(event.currentTarget.value)}
          />
        </label>
      )}
      <div class="part-field">
        <label for={`${id}-value`}>{isReplaced ? 'New value' : words[kind].value}</label>
        {kind === 'github-app' || kind === 'git' ? (
          <textarea
            id={`${id}-value`}
            class="field secret-text"
            rows={kind === 'git' ? 2 : 4}
            autocapitalize="none"
            autocomplete="off"
            spellcheck={false}
            value={value}
            {...focusOn(isReplaced)}
            onInput={event => setValue(event.currentTarget.value)}
          />
        ) : (
          <input
            id={`${id}-value`}
            class="field"
            type="password"
            autocomplete="new-password"
            value={value}
            {...focusOn(isReplaced)}
            onInput={event => setValue(event.currentTarget.value)}
          />
        )}
        {hints[kind] !== '' && <p class="faint">{hints[kind]}</p>}
      </div>
      {isReplaced && <p class="faint">The old value is void at once; what is under way ends with it.</p>}
      {problem !== '' && (
        <p class="notice bad note" role="alert">
          {problem}
        </p>
      )}
      <div class="part-actions">
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? 'Sealing…' : 'Seal and save'}
        </button>
        <button type="button" class="button" onClick={leave}>
          Cancel
        </button>
      </div>
    </form>
  )
}

function freeName(kind: StoredKey['kind'], names: readonly string[]): string {
  const base = kind === 'git' || kind === 'github-app' ? 'github' : kind === 'secret' ? 'SECRET' : kind
  const between = kind === 'secret' ? '_' : '-'
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}${between}${number}`
    if (!names.includes(name)) return name
  }
}

const keyValue = (kind: StoredKey['kind'], value: string, app: string): string =>
  kind === 'github-app' ? JSON.stringify({ app: app.trim(), key: `${value.trim()}\n` }) : value.trim()
