/** Lines that came and went, with their words; added and removed are told by a sign and in words too, not by colour alone. */
import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { foldRows, type ShownRow } from './fold-rows.ts'

/** More rows than this are drawn only when asked for. */
const mostRows = 3_000

export function DiffView({ rows, same }: { rows: readonly ShownRow[]; same: string }) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set())
  const [all, setAll] = useState(false)
  const shown = all ? rows : rows.slice(0, mostRows)
  const parts = useMemo(() => foldRows(shown), [shown.length, rows])
  if (rows.every(row => row.kind === 'same')) return <p class="panel-empty">{same}</p>
  return (
    <>
      <table class="diff">
        <caption class="visually-hidden">Changed lines</caption>
        <colgroup>
          <col class="number-column" />
          <col class="sign-column" />
          <col />
        </colgroup>
        <tbody>
          {parts.map(part =>
            part.kind === 'fold' && !open.has(part.at) ? (
              <FoldRow key={`fold ${part.at}`} rows={part.rows} show={() => setOpen(new Set(open).add(part.at))} />
            ) : (
              part.rows.map(row => <DiffLine key={`${row.kind} ${row.before} ${row.after}`} row={row} />)
            ),
          )}
        </tbody>
      </table>
      {shown.length < rows.length && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show {rows.length - shown.length} more lines
        </button>
      )}
    </>
  )
}

function FoldRow({ rows, show }: { rows: readonly ShownRow[]; show: () => void }) {
  return (
    <tr class="fold">
      <td colSpan={3}>
        <button type="button" onClick={show}>
          ⋯ {rows.length} unchanged lines
        </button>
      </td>
    </tr>
  )
}

const signs = { same: '', added: '+', removed: '−' }
const words = { same: '', added: 'added: ', removed: 'removed: ' }

function DiffLine({ row }: { row: ShownRow }) {
  return (
    <>
      {row.heading && (
        <tr class="block-heading">
          <td colSpan={3}>{row.heading}</td>
        </tr>
      )}
      <tr class={`diff-line ${row.kind} in-${row.block}`}>
        <td class="number">{row.after || row.before}</td>
        <td class="sign" aria-hidden="true">
          {signs[row.kind]}
        </td>
        <td class="line">
          <span class="visually-hidden">{words[row.kind]}</span>
          <LineText row={row} />
        </td>
      </tr>
    </>
  )
}

function LineText({ row: { kind, text, marks } }: { row: ShownRow }) {
  const parts: ComponentChildren[] = []
  let at = 0
  for (const [from, to] of marks) {
    parts.push(text.slice(at, from), <mark key={from}>{text.slice(from, to)}</mark>)
    at = to
  }
  parts.push(text.slice(at))
  if (kind === 'added') return <ins>{parts}</ins>
  return kind === 'removed' ? <del>{parts}</del> : parts
}
