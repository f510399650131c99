/** What was done in the user's org: a table, newest first. */
import type { AuditEntry } from '@meshbook/core/api.ts'
import { auditActions } from '@meshbook/core/audit.ts'
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { membersApi } from '../api/members.ts'
import { ago } from '../notebook/duration.ts'
import { PageHeader } from './page-header.tsx'
import '../styles/pages.css'

type Loaded = { items: AuditEntry[]; next?: string | undefined }

export function AuditPage() {
  const [action, setAction] = useState('')
  const [loaded, setLoaded] = useState<Loaded>()
  const [problem, setProblem] = useState('')
  const load = async (cursor?: string) => {
    try {
      const page = await membersApi.audit(action, cursor)
      setProblem('')
      setLoaded(before => ({ ...page, items: cursor && before ? [...before.items, ...page.items] : page.items }))
    } catch (thrown) {
      const { message, detail } = asApiError(thrown)
      setProblem(detail || message)
    }
  }
  useEffect(() => void load(), [action])
  const next = loaded?.next
  return (
    <>
      <PageHeader title="Audit log">
        <label class="row">
          Show
          <select class="field" value={action} onChange={event => setAction(event.currentTarget.value)}>
            <option value="">everything</option>
            {auditActions.map(name => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </PageHeader>
      <main id="main" class="page" tabIndex={-1}>
        {problem && <p role="alert">{problem}</p>}
        {loaded?.items.length === 0 && (
          <div class="empty boxed">
            <h2>Nothing has been noted</h2>
            <p>Sign-ins, tokens, devices, members and what they run on your machines are listed here.</p>
          </div>
        )}
        {loaded && loaded.items.length > 0 && <AuditTable entries={loaded.items} />}
        {next && (
          <button type="button" class="button" onClick={() => void load(next)}>
            Show older entries
          </button>
        )}
      </main>
    </>
  )
}

function AuditTable({ entries }: { entries: readonly AuditEntry[] }) {
  return (
    <div class="audit-scroll">
      <table class="audit">
        <thead>
          <tr>
            {['When', 'What', 'Who', 'With', 'About', 'From'].map(name => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {entries.map(entry => (
            <tr key={entry.id} title={JSON.stringify(entry.detail)}>
              <td>
                <time dateTime={new Date(entry.at).toISOString()}>{ago(entry.at, Date.now())}</time>
              </td>
              <td>{entry.action}</td>
              <td>{entry.name ?? '–'}</td>
              <td>{entry.credential?.split(':', 1)[0] ?? '–'}</td>
              <td class="ellipsis">{entry.target ?? '–'}</td>
              <td>{entry.address ?? '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
