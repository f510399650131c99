/** ntfy and webhooks: ways that need no push of the browser. */
import type { NewWay } from '@meshbook/core/notify-api.ts'
import { useState } from 'preact/hooks'
import { asApiError } from '../../api/api-error.ts'
import { notifyApi } from '../../api/notify.ts'
import { loadWays } from '../../notify/notify-state.ts'

export function AddWay() {
  return (
    <div class="rows">
      <WayForm title="Add ntfy" read={ntfyOf}>
        <Field name="server" label="Server" value="https://ntfy.sh" type="url" />
        <Field name="topic" label="Topic that nobody can guess" />
        <Field name="token" label="Token, if the server wants one" isOptional />
      </WayForm>
      <WayForm title="Add a webhook" read={form => ({ kind: 'webhook', url: textOf(form, 'url') })}>
        <Field name="url" label="Address" type="url" />
      </WayForm>
    </div>
  )
}

const textOf = (form: FormData, name: string): string => String(form.get(name) ?? '').trim()

function ntfyOf(form: FormData): NewWay {
  const token = textOf(form, 'token')
  const [server, topic] = [textOf(form, 'server'), textOf(form, 'topic')]
  return { kind: 'ntfy', server, topic, ...(token !== '' && { token }) }
}

interface FormProps {
  title: string
  read: (form: FormData) => NewWay
  children: preact.ComponentChildren
}

function WayForm({ title, read, children }: FormProps) {
  const [said, setSaid] = useState<{ problem?: string; secret?: string }>({})
  const [busy, setBusy] = useState(false)
  const add = async (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    setBusy(true)
    try {
      const { secret } = await notifyApi.add(read(new FormData(form)))
      form.reset()
      setSaid(secret === undefined ? {} : { secret })
      await loadWays()
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setSaid({ problem: [detail || message, hint].filter(Boolean).join(' ') })
    } finally {
      setBusy(false)
    }
  }
  return (
    <details class="fold">
      <summary class="row">{title}</summary>
      <form class="within fields" onSubmit={event => void add(event)}>
        {children}
        {said.problem && (
          <p class="bad" role="alert">
            {said.problem}
          </p>
        )}
        {said.secret && (
          <p role="status">
            Its secret, shown this once: <code class="secret">{said.secret}</code>
          </p>
        )}
        <button type="submit" class="button primary" disabled={busy}>
          Add
        </button>
      </form>
    </details>
  )
}

interface FieldProps {
  name: string
  label: string
  value?: string
  type?: 'text' | 'url'
  isOptional?: boolean
}

function Field({ name, label, value = '', type = 'text', isOptional = false }: FieldProps) {
  return (
    <label>
      {label}
      <input
        class="field"
        name={name}
        type="text"
        inputmode={type}
        defaultValue={value}
        required={!isOptional}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
      />
    </label>
  )
}
