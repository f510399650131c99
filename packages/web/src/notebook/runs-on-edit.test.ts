import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFrontMatter, readFrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import { parseDocument } from 'yaml'
import { setRunsOn } from './runs-on-edit.ts'

function edited(text: string, runsOn: string | undefined): string {
  return setRunsOn(text, runsOn, parseDocument).reduceRight(
    (result, { from, to, insert }) => result.slice(0, from) + insert + result.slice(to),
    text,
  )
}
const runsOnOf = (text: string) => readFrontMatter(findFrontMatter(text)?.yaml ?? '').runsOn

test('W52 runs-on is written into front matter of every shape, and read back as it was meant', () => {
  for (const text of [
    '# A\n',
    '',
    '---\ntitle: A\n---\n# A\n',
    '---\n---\n# A\n',
    '---\nmeshbook: {requires: [gpu]}\n---\n# A\n',
    '---\nmeshbook:\n  runs-on: old # why\n  requires: [gpu]\n---\n# A\n',
    '---\r\ntitle: A\r\n---\r\n# A\r\n',
    '---\nmeshbook:\n---\n# A\n',
  ])
    for (const name of ['studio', 'Ada’s "big" box: #1', 'yes', '12']) {
      const after = edited(text, name)
      assert.equal(runsOnOf(after), name, JSON.stringify([text, name, after]))
      assert.ok(after.endsWith(text.replace(/^---[\s\S]*?---\r?\n/, '')), 'the body stays')
      assert.equal(runsOnOf(edited(after, undefined)), undefined)
    }
})

test('W52 no other value, comment, quote or order of the front matter changes', () => {
  const text = '---\n# mine\ntitle: "A" # t\nmeshbook: {requires: [gpu]}\nlist:\n  - 1\n---\n# A\n'
  assert.equal(
    edited(text, 'studio'),
    '---\n# mine\ntitle: "A" # t\nmeshbook: {requires: [gpu], runs-on: studio}\nlist:\n  - 1\n---\n# A\n',
  )
  const [change] = setRunsOn('---\na: 1\nmeshbook:\n  runs-on: old\nb: 2\n---\n', 'new', parseDocument)
  assert.deepEqual(change, { from: 30, to: 33, insert: 'new' })
})

test('W52 what was added alone is gone again when it is taken back', () => {
  assert.equal(edited('---\ntitle: A\nmeshbook:\n  runs-on: x\n---\nB', undefined), '---\ntitle: A\n---\nB')
  assert.deepEqual(setRunsOn('# A\n', undefined, parseDocument), [])
})

test('W52 front matter that cannot be read is left alone, with a reason', () => {
  assert.throws(() => setRunsOn('---\n a: [\n---\n', 'x', parseDocument), /cannot be read/)
  assert.throws(() => setRunsOn('---\n- a\n---\n', 'x', parseDocument), /cannot be read/)
})
