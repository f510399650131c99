/**
 * A data frame as rows of text (OU4): from the HTML that pandas, R and others make of one, or from a data resource.
 * What is more than a plain table is none, and goes into a frame. Only text is taken, so nothing of the HTML reaches
 * the page.
 */

export interface TableData {
  columns: readonly string[]
  /** How many leading columns name the row. */
  headers: number
  rows: readonly (readonly string[])[]
  numeric: readonly boolean[]
  /** What stands below it, as the number of rows of the whole. */
  note: string
}

const mostChars = 4 * 1024 * 1024
const mostRows = 20_000
const mostColumns = 500
const cellChars = 10_000

const plainTags = new Set(
  'BODY DIV STYLE TABLE THEAD TBODY TFOOT TR TH TD P CAPTION SMALL B STRONG I EM SPAN BR CODE SUB SUP COLGROUP COL'.split(
    ' ',
  ),
)
/** A style that says more than how text is placed was meant to be seen. */
const looks = /color|background|border(?!-(?:collapse|spacing))|font|width|height|position|content|url|@/i

/** Reads only what `DOMParser` makes, which neither runs nor fetches anything. */
export function tableOf(html: string, parse: (html: string) => Document): TableData | undefined {
  if (html.length > mostChars || !/<table[\s>]/i.test(html)) return undefined
  const { body, head } = parse(html)
  const elements = [...head.querySelectorAll('*'), ...body.querySelectorAll('*')]
  if (elements.some(element => !isPlain(element))) return undefined
  const tables = body.querySelectorAll('table')
  const [table] = tables
  if (tables.length !== 1 || !table) return undefined
  const beside = textBeside(body, table)
  if (beside.length > 200) return undefined
  return tableFrom(table, beside)
}

function isPlain(element: Element): boolean {
  if (!plainTags.has(element.tagName)) return false
  if (element.tagName === 'STYLE') return !looks.test(element.textContent ?? '')
  if ([...element.attributes].some(({ name }) => name.startsWith('on'))) return false
  return !looks.test(element.getAttribute('style') ?? '')
}

/** The text of the output that is not in the table: `3 rows × 2 columns`. */
function textBeside(body: HTMLElement, table: Element): string {
  const copy = body.cloneNode(true) as HTMLElement
  for (const inner of copy.querySelectorAll('table, style')) inner.remove()
  const caption = table.querySelector('caption')?.textContent ?? ''
  return [caption, copy.textContent ?? '']
    .map(text => text.replace(/\s+/g, ' ').trim())
    .filter(text => text !== '')
    .join(' · ')
}

function tableFrom(table: Element, note: string): TableData | undefined {
  const all = [...table.querySelectorAll('tr')]
  if (all.length > mostRows) return undefined
  const inHead = all.filter(row => row.closest('thead'))
  const first = all[0]
  const isNamed = first !== undefined && [...first.children].every(cell => cell.tagName === 'TH')
  const head = inHead.length > 0 ? inHead : isNamed ? [first] : []
  const body = all.filter(row => !head.includes(row))
  const grid = gridOf(body, false)
  const width = Math.max(0, ...grid.map(row => row.length))
  if (grid.length === 0 || width === 0 || width > mostColumns) return undefined
  return made(namesOf(gridOf(head, true), width), grid, headersOf(body), note)
}

function headersOf(body: readonly Element[]): number {
  const counts = body.slice(0, 50).map(row => {
    const cells = [...row.children]
    const at = cells.findIndex(cell => cell.tagName !== 'TH')
    return at < 0 ? cells.length : at
  })
  return counts.length === 0 ? 0 : Math.max(...counts)
}

/** Cells that span several places: a name is repeated, a value stands in the first. */
function gridOf(rows: readonly Element[], repeated: boolean): string[][] {
  const grid: string[][] = rows.map(() => [])
  for (const [y, row] of rows.entries()) {
    let x = 0
    for (const cell of row.children) {
      while (grid[y]![x] !== undefined) x++
      const text = (cell.textContent ?? '').replace(/\s+/g, ' ').trim().slice(0, cellChars)
      const [wide, high] = [span(cell, 'colspan', mostColumns), span(cell, 'rowspan', rows.length - y)]
      for (let down = 0; down < high; down++)
        for (let right = 0; right < wide; right++)
          grid[y + down]![x + right] = repeated || (down === 0 && right === 0) ? text : ''
      x += wide
    }
  }
  return grid.map(row => Array.from(row, text => text ?? ''))
}

function span(cell: Element, name: string, most: number): number {
  const count = Number(cell.getAttribute(name) ?? 1)
  return Number.isInteger(count) && count > 0 ? Math.min(count, most) : 1
}

/** One name a column, of all the rows above it. */
function namesOf(head: readonly (readonly string[])[], width: number): string[] {
  return Array.from({ length: width }, (_, x) =>
    [...new Set(head.map(row => row[x] ?? '').filter(text => text !== ''))].join(' · '),
  )
}

function made(columns: string[], rows: string[][], headers: number, note: string): TableData {
  const numeric = columns.map((_, x) => isNumeric(rows, x))
  return { columns, headers: Math.min(headers, columns.length), rows, numeric, note }
}

const missing = /^(?:|nan|none|null|na|nat|<na>|…|\.{3})$/i
const number = /^[-+−]?(?:\d[\d,_\u00a0 ]*)?(?:\.\d*)?(?:e[-+]?\d+)?\s?%?$/i

function isNumeric(rows: readonly (readonly string[])[], x: number): boolean {
  let seen = 0
  for (const row of rows) {
    const text = row[x] ?? ''
    if (missing.test(text)) continue
    if (Number.isNaN(numberOf(text))) return false
    seen++
  }
  return seen > 0
}

export function numberOf(text: string): number {
  if (missing.test(text)) return Number.NaN
  if (/^[-+]?inf(?:inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return number.test(text) && /\d/.test(text) ? Number(text.replace(/[,_\u00a0 %]/g, '').replace('−', '-')) : Number.NaN
}

export interface Order {
  column: number
  down: boolean
}

/** Row numbers in the order asked for; what is missing comes last either way. */
export function ordered({ rows, numeric }: TableData, order: Order | undefined): number[] {
  const all = rows.map((_, at) => at)
  if (!order) return all
  const { column, down } = order
  const text = (at: number) => rows[at]?.[column] ?? ''
  const compare = numeric[column]
    ? (a: number, b: number) => numberOf(text(a)) - numberOf(text(b))
    : (a: number, b: number) => text(a).localeCompare(text(b), undefined, { numeric: true })
  const [there, absent] = [all.filter(at => !missing.test(text(at))), all.filter(at => missing.test(text(at)))]
  return [...there.sort((a, b) => (down ? compare(b, a) : compare(a, b)) || a - b), ...absent]
}

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const line = (cells: readonly string[]): string => `${cells.map(quoted).join(',')}\r\n`

/** As RFC 4180 has it. */
export function csvOf({ columns, rows }: TableData, order: readonly number[]): string {
  return line(columns) + order.map(at => line(columns.map((_, x) => rows[at]?.[x] ?? ''))).join('')
}

/** A table of `application/vnd.dataresource+json`. */
export function tableOfResource(text: string): TableData | undefined {
  if (text.length > mostChars) return undefined
  const resource = parsed(text) as { schema?: { fields?: unknown }; data?: unknown } | undefined
  const fields = resource?.schema?.fields
  if (!Array.isArray(fields) || !Array.isArray(resource?.data)) return undefined
  const columns = fields.slice(0, mostColumns).map(field => String((field as { name?: unknown } | null)?.name ?? ''))
  const rows = resource.data.slice(0, mostRows).map(row => columns.map(name => shown(row, name)))
  const total = resource.data.length
  return made(columns, rows, 0, total > mostRows ? `the first ${mostRows} of ${total} rows` : '')
}

function shown(row: unknown, name: string): string {
  if (typeof row !== 'object' || row === null || !Object.hasOwn(row, name)) return ''
  const value = (row as Record<string, unknown>)[name]
  if (value === null || value === undefined) return ''
  return (typeof value === 'object' ? JSON.stringify(value) : String(value)).slice(0, cellChars)
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
