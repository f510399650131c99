import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromIpynb } from '@meshbook/core/formats/ipynb/from-ipynb.ts'
import { toIpynb } from '@meshbook/core/formats/ipynb/to-ipynb.ts'

test('the example of docs/formats.md is what an export reads and an import writes', () => {
  const docs = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
  const example = /^````text\n([\s\S]*?)^````$/m.exec(docs)![1]!
  const { text } = toIpynb(example)
  const [title, cell] = (JSON.parse(text) as { cells: Record<string, unknown>[] }).cells
  assert.deepEqual([title!.id, cell!.id, cell!.execution_count], ['5b7c0e11', '0c2f66ad', 3])
  assert.deepEqual(cell!.metadata, { tags: ['fast'], meshbook: { run: 'run_0000000000t1kf8y60phb80f5q' } })
  assert.equal(fromIpynb(text).markdown, example)
})
