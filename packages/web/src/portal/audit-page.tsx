/** What was done in the reader's org: a table with filters, and a file of it (PO33). */
import './pages-portal.css'
import type { AuditEntry } from '@meshbook/core/api.ts'
import { auditActions } from '@meshbook/core/audit.ts'
import { useEffect, useState } from 'preact/hooks'
import { report } from '../state/toasts.ts'
import { handOut } from '../tasks/hand-out.ts'
import { auditFile, wholeAudit } from './audit-file.ts'
import { PagedProblem, usePaged } from './paged.tsx'
import { type AuditFilter, portalApi } from './portal-api.ts'

const typingMs = 300

export function AuditPage() {
  const [filter, setFilter] = useState<AuditFilter>({})
  const paged = usePaged(cursor => portalApi.audit(filter, cursor), [JSON.stringify(filter)])
  const isFiltered = Object.keys(filter).length > 0
  return (
    <>
      <p class="part-about">
        Everything that changes who may do what, and what was done with it. Nothing changes an entry, and only its age
        deletes it.
      </p>
      <Filters change={setFilter} />
      <Save filter={filter} isEmpty={paged.items?.length === 0} />
      <PagedProblem paged={paged} />
      {paged.items?.length === 0 && (
        <div class="empty boxed">
          <h2>{isFiltered ? 'No entry is like that' : 'Nothing has been noted'}</h2>
          <p>Sign-ins, tokens, keys, devices, members and what they run on your machines are listed here.</p>
        </div>
      )}
      {paged.items && paged.items.length > 0 && <Entries entries={paged.items} />}
      {paged.more && (
        <button type="button" class="button" disabled={paged.busy} onClick={paged.more}>
          Show older entries
        </button>
      )}
    </>
  )
}

const dayMs = 86_400_000
const startOf = (day: string): number => Date.parse(`${day}T00:00:00Z`)

function Filters({ change }: { change(filter: AuditFilter): void }) {
  const [action, setAction] = useState('')
  const [user, setUser] = useState('')
  const [from, setFrom] = useState('')
  const [until, setUntil] = useState('')
  useEffect(() => {
    const wanted: AuditFilter = {
      ...(action !== '' && { action }),
      ...(user.trim() !== '' && { user: user.trim() }),
      ...(from !== '' && { from: startOf(from) }),
      ...(until !== '' && { to: startOf(until) + dayMs }),
    }
    // A name is asked for when it has been typed.
    const waiting = setTimeout(() => change(wanted), typingMs)
    return () => clearTimeout(waiting)
  }, [action, user, from, until])
  return (
    <form class="part-form filters" onSubmit={event => event.preventDefault()}>
      <label>
        What
        <select class="field" value={action} onChange={event => setAction(event.currentTarget.value)}>
          <option value="">everything</option>
          {auditActions.map(name => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Who
        <input
          class="field"
          value={user}
          placeholder="anybody"
          spellcheck={false}
          autocomplete="off"
          onInput={event => setUser(event.currentTarget.value)}
        />
      </label>
      <label>
        From day (UTC)
        <input class="field" type="date" value={from} onInput={event => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        To day (UTC)
        <input class="field" type="date" value={until} onInput={event => setUntil(event.currentTarget.value)} />
      </label>
    </form>
  )
}

function Save({ filter, isEmpty }: { filter: AuditFilter; isEmpty: boolean }) {
  const [read, setRead] = useState<number | undefined>(undefined)
  const save = async (as: 'csv' | 'json') => {
    setRead(0)
    try {
      const entries = await wholeAudit(cursor => portalApi.audit(filter, cursor), setRead)
      handOut(`audit.${as}`, auditFile(entries, as))
    } catch (thrown) {
      report(thrown, 'The log was not saved')
    }
    setRead(undefined)
  }
  const isBusy = read !== undefined
  return (
    <div class="part-actions save-row">
      <button type="button" class="button" disabled={isBusy || isEmpty} onClick={() => void save('csv')}>
        Save as CSV
      </button>
      <button type="button" class="button" disabled={isBusy || isEmpty} onClick={() => void save('json')}>
        Save as JSON
      </button>
      <span class="faint" role="status">
        {isBusy && `${read.toLocaleString()} entries are read…`}
      </span>
    </div>
  )
}

const whenOf = (at: number): string => new Date(at).toISOString().replace('T', ' ').slice(0, 19)

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  return (
    <ol class="part-list audit-entries">
      {entries.map(entry => (
        <li key={entry.id} class="audit-entry">
          <details>
            <summary>
              <time dateTime={new Date(entry.at).toISOString()}>{whenOf(entry.at)}</time>
              <strong>{entry.action}</strong>
              <span>{entry.name ?? 'nobody'}</span>
              <span class="faint audit-target">{entry.target ?? ''}</span>
            </summary>
            <dl>
              <dt>Came with</dt>
              <dd>{entry.credential ?? 'nothing'}</dd>
              <dt>From</dt>
              <dd>{entry.address ?? 'the hub itself'}</dd>
              <dt>Request</dt>
              <dd>{entry.request ?? 'none'}</dd>
              <dt>Noted</dt>
              <dd>
                <code>{JSON.stringify(entry.detail)}</code>
              </dd>
            </dl>
          </details>
        </li>
      ))}
    </ol>
  )
}
