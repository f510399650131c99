import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextWanted, type Wanted } from './wanted-document.ts'

/** How often a document is opened, as the list tells these ids of the paths while these documents are shown. */
function turns(...steps: [id: string | undefined, path: string, open?: string][]): number {
  let wanted: Wanted | undefined
  for (const [id, path, open] of steps) wanted = nextWanted(wanted, { id, path }, open)
  return wanted!.turn
}

test('a document that was opened by its path stays open when the list has it', () => {
  assert.equal(turns([undefined, 'a.md'], [undefined, 'a.md', 'doc-1'], ['doc-1', 'a.md', 'doc-1']), 1)
})

test('one that was not found is opened when the list has it', () => {
  assert.equal(turns([undefined, 'a.md'], ['doc-1', 'a.md']), 2)
})

test('a rename keeps it open, another document at the path or another path does not', () => {
  assert.equal(turns(['doc-1', 'a.md'], ['doc-1', 'b.md', 'doc-1']), 1)
  assert.equal(turns(['doc-1', 'a.md'], ['doc-2', 'a.md', 'doc-1']), 2)
  assert.equal(turns([undefined, 'a.md'], [undefined, 'b.md', 'doc-1']), 2)
})

test('one that is deleted is asked for again, also if it was opened by its path', () => {
  assert.equal(turns([undefined, 'a.md'], ['doc-1', 'a.md', 'doc-1'], [undefined, 'a.md', 'doc-1']), 2)
})
