/** The statement of a month: its sums, and how it is written as CSV. Pure. */
import { type Cell, csvText } from './csv.ts'
import { noUsage } from './model-prices.ts'
import type { Statement, StatementRow, UsageSum } from './models-api.ts'

export function sumOfRows(rows: readonly UsageSum[]): UsageSum {
  const sum = { calls: 0, usage: { ...noUsage }, microUsd: 0 }
  for (const { calls, usage, microUsd } of rows) {
    sum.calls += calls
    sum.microUsd += microUsd
    for (const kind of ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens'] as const)
      sum.usage[kind] += usage[kind]
  }
  return sum
}

/** By what rows have in common, the dearest first. */
export function sumsBy(
  rows: readonly StatementRow[],
  keyOf: (row: StatementRow) => string,
): { key: string; sum: UsageSum }[] {
  const groups = Map.groupBy(rows, keyOf)
  return [...groups]
    .map(([key, group]) => ({ key, sum: sumOfRows(group) }))
    .sort((a, b) => b.sum.microUsd - a.sum.microUsd || (a.key < b.key ? -1 : 1))
}

const header = [
  'month_utc',
  'org',
  'project_id',
  'project',
  'member_id',
  'member',
  'provider',
  'model',
  'priced_as',
  'calls',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'micro_usd',
  'usd',
]

/** A row for each, and no total, so that a sum over a column is the sum. */
export function statementCsv({ month, org, rows }: Statement): string {
  const cells = rows.map((row): Cell[] => [
    ...[month, org, row.project ?? '', row.projectName ?? '', row.user, row.userName ?? ''],
    ...[row.provider, row.model, row.price, row.calls],
    ...[row.usage.inputTokens, row.usage.cacheReadTokens, row.usage.cacheWriteTokens, row.usage.outputTokens],
    ...[row.microUsd, exactUsd(row.microUsd)],
  ])
  return csvText([header, ...cells])
}

/** `12.345678`, with no rounding. */
function exactUsd(microUsd: number): string {
  const digits = String(microUsd).padStart(7, '0')
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`
}
