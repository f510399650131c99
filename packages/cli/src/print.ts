/** What the command line writes: results to stdout (a table, or with --json one object a line), the rest to stderr. */
import type { MeshError } from '@meshbook/core/errors.ts'

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function printError(error: MeshError, json: boolean): void {
  const { message, hint } = error.entry
  if (json) {
    const cause = error.code === 'INTERNAL' && error.cause instanceof Error ? error.cause.message : undefined
    printJson({ error: error.code, message, detail: error.detail ?? cause, hint })
    return
  }
  say(`✖ ${error.detail ? `${message}: ${error.detail}` : message}`)
  if (error.code === 'INTERNAL' && error.cause instanceof Error) say(`  ${error.cause.stack ?? error.cause.message}`)
  say(`  ${hint}`)
}

/** Rows as columns that line up; `columns` gives the order and the headings. */
export function printTable<Row>(rows: readonly Row[], columns: Record<string, (row: Row) => string>): void {
  const headings = Object.keys(columns)
  const cells = rows.map(row => headings.map(heading => columns[heading]!(row).replaceAll(/\s+/g, ' ')))
  const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map(row => row[i]!.length)))
  const line = (row: string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()
  process.stdout.write(`${[headings.map(heading => heading.toUpperCase()), ...cells].map(line).join('\n')}\n`)
}

/** `3 min ago`, for people; `now` and `at` in milliseconds. */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86_400)} days ago`
}

/** A line on the terminal that is replaced while something takes longer than a second; nothing when not a terminal. */
export function progress(): { show(text: string): void; clear(): void } {
  const terminal = process.stderr.isTTY
  let shown = false
  return {
    show(text) {
      if (!terminal) return
      process.stderr.write(`\r\u001b[2K${text}`)
      shown = true
    },
    clear() {
      if (shown) process.stderr.write('\r\u001b[2K')
      shown = false
    },
  }
}
