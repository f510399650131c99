/** Ways that need no push of the browser: mail, Slack and its like, ntfy, webhooks. */
import type { NewWay } from '@meshbook/core/notify-api.ts'
import { useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { notifyApi } from '../api/notify.ts'
import { loadWays, mailOffer } from './notify-state.ts'

export function AddWay() {
  return (
    <div class="rows">
      <AddMail />
      <WayForm title="Add Slack, Mattermost or Discord" read={form => ({ kind: 'slack', url: textOf(form, 'url') })}>
        <p>
          A channel is told by an incoming webhook. In Slack add the app <b>Incoming Webhooks</b> to the channel, in
          Mattermost look under <b>Integrations</b>, in Discord under the settings of the channel, and put{' '}
          <code>/slack</code> behind the address there. Whoever has the address can write to the channel, so it is kept
          like a password.
        </p>
        <Field name="url" label="Address of the incoming webhook" type="url" />
      </WayForm>
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

function AddMail() {
  const offer = mailOffer.value
  if (offer && !offer.works)
    return (
      <details class="fold">
        <summary class="row">Add e-mail</summary>
        <p class="within">
          This hub sends no mail yet. Whoever looks after it can name a mail server with <code>MESHBOOK_SMTP_URL</code>{' '}
          and <code>MESHBOOK_SMTP_FROM</code>; then an address can be added here.
        </p>
      </details>
    )
  return (
    <WayForm title="Add e-mail" read={form => ({ kind: 'email', address: textOf(form, 'address') })}>
      <p>
        A code is sent to the address first, and nothing else until you have typed it here.
        {offer?.from && <> Mails come from {offer.from}.</>}
      </p>
      <Field name="address" label="Your e-mail address" type="email" />
    </WayForm>
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
  const [said, setSaid] = useState<{ problem?: string; secret?: string; done?: string }>({})
  const [busy, setBusy] = useState(false)
  const add = async (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    setBusy(true)
    try {
      const { name, secret, codeUntil } = await notifyApi.add(read(new FormData(form)))
      form.reset()
      const done =
        codeUntil === null ? `“${name}” was added. Try its Test, above.` : `“${name}” awaits its code, above.`
      setSaid(secret === undefined ? { done } : { secret })
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
        {said.done && <p role="status">{said.done}</p>}
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
  type?: 'text' | 'url' | 'email'
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
        autocomplete={type === 'email' ? 'email' : 'off'}
        autocapitalize="off"
        spellcheck={false}
      />
    </label>
  )
}
