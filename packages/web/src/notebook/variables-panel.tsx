/** The variables of the notebook's session, asked for again after each run. */
import type { Variables } from '@meshbook/core/api.ts'
import { signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { kernelApi } from '../api/kernel.ts'
import { Icon } from '../shell/icons.tsx'
import { useNotebook } from './open-notebook.ts'
import { PanelTop } from './panel-top.tsx'
import { shownVariables, type VariableOrder } from './sort-variables.ts'

export function VariablesPanel() {
  const notebook = useNotebook()
  const session = notebook.sessionOf(notebook.language.value)
  const live = session?.device ? session.id : undefined
  const running = notebook.executions.running.value.size
  const [found, setFound] = useState<Variables | undefined>(undefined)
  const [problem, setProblem] = useState('')
  const load = async () => {
    if (live === undefined) return
    try {
      setFound(await kernelApi.variables(live))
      setProblem('')
    } catch (thrown) {
      setProblem(asApiError(thrown).message)
    }
  }
  useEffect(() => {
    if (running === 0) void load()
  }, [live, running === 0])
  return (
    <aside class="side-panel" aria-label="Variables">
      <PanelTop title="Variables">
        <button
          type="button"
          class="icon-button small"
          aria-label="Load again"
          title="Load again"
          onClick={() => void load()}
        >
          <Icon name="restart" />
        </button>
      </PanelTop>
      {live === undefined && <p class="panel-empty">No runtime yet. Run a cell, and what it defines shows here.</p>}
      {problem && <p class="panel-empty">{problem}</p>}
      {live !== undefined && found?.items.length === 0 && <p class="panel-empty">Nothing is defined yet.</p>}
      {live !== undefined && found && <VariableTable variables={found} />}
    </aside>
  )
}

const columns = ['name', 'type', 'size'] as const
const order = signal<VariableOrder>({ by: 'name', down: false })
const filter = signal('')

function VariableTable({ variables }: { variables: Variables }) {
  const rows = shownVariables(variables.items, filter.value, order.value)
  return (
    <>
      <input
        class="field small"
        type="search"
        aria-label="Filter the variables"
        placeholder="Filter"
        value={filter.value}
        onInput={event => {
          filter.value = event.currentTarget.value
        }}
      />
      <table class="variables">
        <thead>
          <tr>
            {columns.map(column => (
              <ColumnHead key={column} column={column} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, type, size, preview }) => (
            <tr key={name}>
              <th scope="row" class="mono">
                {name}
                <div class="mono muted ellipsis" title={preview}>
                  {preview}
                </div>
              </th>
              <td>{type}</td>
              <td class="tabular">{size}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && variables.items.length > 0 && <p class="panel-empty">None matches the filter.</p>}
      {variables.truncated && <p class="panel-empty">… and more than are listed.</p>}
    </>
  )
}

function ColumnHead({ column }: { column: (typeof columns)[number] }) {
  const { by, down } = order.value
  const sorted = by === column
  return (
    <th scope="col" aria-sort={sorted ? (down ? 'descending' : 'ascending') : 'none'}>
      <button
        type="button"
        onClick={() => {
          order.value = { by: column, down: sorted && !down }
        }}
      >
        {column[0]!.toUpperCase() + column.slice(1)}
        {sorted && (down ? ' ↓' : ' ↑')}
      </button>
    </th>
  )
}
