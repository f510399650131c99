/** What every TableReader and TableWriter does: whole tables out of one database and into another. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { TableReader, TableWriter } from '@meshbook/relay/sql/tables.ts'
import type { Schema, SqlValue } from '@meshbook/relay/sql/tx.ts'

export const schemas: readonly Schema[] = [
  {
    name: 'things',
    migrations: [
      'CREATE TABLE things (org_id TEXT NOT NULL, thing_id BIGINT NOT NULL PRIMARY KEY, text TEXT, bytes BLOB)',
      'CREATE TABLE gone (org_id TEXT NOT NULL)',
      'ALTER TABLE things ADD COLUMN number BIGINT; DROP TABLE gone; CREATE TABLE more_things (org_id TEXT NOT NULL)',
    ],
  },
]

export interface TableParts {
  writer: TableWriter
  /** Puts into place what was written, and reads it. */
  read(): Promise<TableReader>
}

const columns = ['org_id', 'thing_id', 'text', 'bytes', 'number']
const things = { name: 'things', columns }

export async function allRows(reader: TableReader): Promise<SqlValue[][]> {
  const rows: SqlValue[][] = []
  for await (const row of reader.rows(things)) rows.push(row)
  return rows.sort((a, b) => Number(a[1]) - Number(b[1]))
}

export function tablesContract(name: string, setUp: (t: TestContext) => Promise<TableParts>): void {
  test(`${name}: rows come back as they were, with exact integers, bytes and what a text can hold (BK4, RL126)`, async t => {
    const { writer, read } = await setUp(t)
    assert.deepEqual((await writer.prepare(schemas)).map(table => table.name).sort(), ['more_things', 'things'])
    const rows: SqlValue[][] = [
      ['o', 1, 'Wörter 🎈 "quoted", {braces}\\\n', new Uint8Array([0, 255, 1]), 2n ** 62n],
      ['o', 2, '', new Uint8Array(), -(2n ** 62n)],
      ['o', 3, null, null, null],
      ['o', 4, 'NULL', new Uint8Array(300_000).fill(7), Number.MAX_SAFE_INTEGER],
    ]
    await writer.write(things, rows)
    await writer.write(things, [])
    assert.equal(await writer.count('things'), 4)
    await writer.finish()
    const reader = await read()
    assert.deepEqual(await reader.versions(), { things: 3 })
    assert.deepEqual(await reader.tables(), [{ name: 'more_things', columns: ['org_id'] }, things])
    assert.deepEqual(await allRows(reader), rows)
    await reader.close()
    await reader.close()
  })

  test(`${name}: many rows in few statements, and rows that are each larger than a batch (BK6, RL126)`, async t => {
    const { writer, read } = await setUp(t)
    await writer.prepare(schemas)
    const small = Array.from({ length: 9_000 }, (_, i): SqlValue[] => ['o', i, `text ${i}`, null, i])
    const large = [1, 2, 3].map((n): SqlValue[] => ['o', 10_000 + n, null, new Uint8Array(5 * 2 ** 20).fill(n), n])
    await writer.write(things, small)
    await writer.write(things, large)
    await writer.finish()
    const reader = await read()
    const found = await allRows(reader)
    assert.equal(found.length, 9_003)
    assert.deepEqual(found[8_999], small[8_999])
    for (const [i, row] of large.entries())
      assert.ok(Buffer.from(row[3] as Uint8Array).equals(found[9_000 + i]![3] as Uint8Array))
    await reader.close()
  })
}
