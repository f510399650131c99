/** The statement of a month, looked at and saved (PO41). */
import type { Statement } from '@meshbook/core/models-api.ts'
import { monthsBefore } from '@meshbook/core/months.ts'
import { sumsBy } from '@meshbook/core/statement.ts'
import { dollars } from '@meshbook/core/task-words.ts'
import { useState } from 'preact/hooks'
import { report } from '../state/toasts.ts'
import { handOut } from '../tasks/hand-out.ts'
import { Shown, useLoaded } from './loaded.tsx'
import { portalApi } from './portal-api.ts'

const monthsShown = 24

export function StatementSection({ now }: { now: number }) {
  const months = monthsBefore(now, monthsShown)
  const [month, setMonth] = useState(months[0]!)
  const statement = useLoaded(() => portalApi.statement(month), [month])
  const save = (as: 'csv' | 'json') =>
    void portalApi
      .statementFile(month, as)
      .then(content => handOut(`statement-${month}.${as}`, content))
      .catch(thrown => report(thrown, 'The statement was not saved'))
  return (
    <section class="statement" aria-labelledby="statement">
      <h2 id="statement">Statement of a month</h2>
      <p class="part-about">
        Every call of a model that began in the month, by project, member and model. It sums up to the ledger, to the
        millionth of a dollar. Days and months are those of UTC.
      </p>
      <div class="part-actions save-row">
        <select
          class="field"
          aria-label="Month of the statement"
          value={month}
          onChange={event => setMonth(event.currentTarget.value)}
        >
          {months.map(one => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
        <button type="button" class="button" aria-label="Save as CSV: the statement" onClick={() => save('csv')}>
          Save as CSV
        </button>
        <button type="button" class="button" aria-label="Save as JSON: the statement" onClick={() => save('json')}>
          Save as JSON
        </button>
      </div>
      <Shown loaded={statement}>{found => <Sums statement={found} />}</Shown>
    </section>
  )
}

function Sums({ statement }: { statement: Statement }) {
  const { month, rows, total, open, isFinal } = statement
  const parts = [
    ['By project', sumsBy(rows, row => row.projectName ?? (row.project === null ? 'For no project' : row.project))],
    ['By member', sumsBy(rows, row => row.userName ?? row.user)],
    ['By model', sumsBy(rows, row => row.model)],
  ] as const
  return (
    <>
      <p class="statement-sum">
        <strong>{dollars(total.microUsd)}</strong> in {month},{' '}
        {total.calls === 1 ? '1 call' : `${total.calls.toLocaleString()} calls`}.{' '}
        {isFinal
          ? 'This is final.'
          : open.calls > 0
            ? `Not final: ${open.calls} under way may cost ${dollars(open.microUsd)} more.`
            : 'Not final: the month is not over.'}
      </p>
      {rows.length > 0 && (
        <div class="statement-parts">
          {parts.map(([title, sums]) => (
            <div key={title}>
              <h3>{title}</h3>
              <dl>
                {sums.map(({ key, sum }) => (
                  <div key={key}>
                    <dt>{key}</dt>
                    <dd>{dollars(sum.microUsd)}</dd>
                  </div>
                ))}
              </dl>
            </div>
          ))}
        </div>
      )}
    </>
  )
}
