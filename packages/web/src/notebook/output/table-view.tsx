/** A data frame in the look of the page: sorted by a press on a column, shown a piece at a time (OU4). */
import { useMemo, useState } from 'preact/hooks'
import { Icon } from '../../shell/icons.tsx'
import { notify } from '../../state/toasts.ts'
import { csvOf, type Order, ordered, type TableData } from './table-data.ts'

const rowsAtOnce = 200

export function TableView({ table }: { table: TableData }) {
  const [order, setOrder] = useState<Order | undefined>(undefined)
  const [shown, setShown] = useState(rowsAtOnce)
  const rows = useMemo(() => ordered(table, order), [table, order])
  const left = rows.length - shown
  return (
    <div class="data-table">
      {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/noNoninteractiveTabindex: it scrolls; a fieldset is for forms */}
      <div class="data-scroll" tabIndex={0} role="group" aria-label="Table">
        <table>
          <thead>
            <tr>
              {table.columns.map((name, column) => (
                <ColumnHead key={column} table={table} column={column} name={name} order={order} sort={setOrder} />
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map(at => (
              <Row key={at} table={table} at={at} />
            ))}
          </tbody>
        </table>
      </div>
      {left > 0 && (
        <button type="button" class="fold-bar" onClick={() => setShown(shown + 5 * rowsAtOnce)}>
          Show more: {left.toLocaleString()} of {rows.length.toLocaleString()} rows are not shown
        </button>
      )}
      <div class="data-foot">
        <span>{sizeOf(table)}</span>
        <button type="button" class="pill" onClick={() => void copyCsv(csvOf(table, rows))}>
          <Icon name="copy" size={12} />
          Copy as CSV
        </button>
      </div>
    </div>
  )
}

function sizeOf({ rows, columns, headers, note }: TableData): string {
  const [high, wide] = [rows.length, columns.length - headers]
  const counted = `${high.toLocaleString()} ${high === 1 ? 'row' : 'rows'} × ${wide} ${wide === 1 ? 'column' : 'columns'}`
  // What the program says of its table is better than what can be counted: it may have left rows out.
  return note === '' ? counted : note
}

interface HeadProps {
  table: TableData
  column: number
  name: string
  order: Order | undefined
  sort: (order: Order | undefined) => void
}

function ColumnHead({ table, column, name, order, sort }: HeadProps) {
  const isSorted = order?.column === column
  const next = !isSorted ? { column, down: false } : order.down ? undefined : { column, down: true }
  return (
    <th
      scope="col"
      class={table.numeric[column] ? 'numeric' : ''}
      aria-sort={isSorted ? (order.down ? 'descending' : 'ascending') : 'none'}
    >
      <button type="button" onClick={() => sort(next)} title={`Sort by ${name || `column ${column + 1}`}`}>
        {name || <span class="visually-hidden">Column {column + 1}</span>}
        <Icon name={isSorted && !order.down ? 'up' : 'downArrow'} size={11} class={isSorted ? 'sorted' : 'unsorted'} />
      </button>
    </th>
  )
}

function Row({ table, at }: { table: TableData; at: number }) {
  return (
    <tr>
      {table.columns.map((_, column) => {
        const text = table.rows[at]?.[column] ?? ''
        const look = table.numeric[column] ? 'numeric' : ''
        return column < table.headers ? (
          <th key={column} scope="row" class={look}>
            {text}
          </th>
        ) : (
          <td key={column} class={look}>
            {text}
          </td>
        )
      })}
    </tr>
  )
}

async function copyCsv(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    notify('Copied as CSV')
  } catch {
    notify('Not copied', 'The browser does not let this page write to the clipboard.', 'bad')
  }
}
