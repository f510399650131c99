import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFrontMatter, readFrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import { applyChanges } from '@meshbook/core/text/text-delta.ts'
import { parseDocument } from 'yaml'
import { setFrontMatter, type YamlEdit } from './front-matter-edit.ts'

const set = (text: string, edits: readonly YamlEdit[]) => applyChanges(text, setFrontMatter(text, edits, parseDocument))
const read = (text: string) => readFrontMatter(findFrontMatter(text)?.yaml ?? '')
const all: YamlEdit[] = [
  [['title'], 'Air: "2024"'],
  [['session'], 'deep'],
  [['kernelspec', 'name'], 'ir'],
  [['meshbook', 'runs-on'], 'studio'],
  [
    ['meshbook', 'requires'],
    ['gpu', 'ram>=8'],
  ],
  [['meshbook', 'stop-on-error'], false],
]

test('NB41 every setting is read back as it was set, whatever stood there, and taken back leaves the text', () => {
  for (const text of [
    '# A\n',
    '',
    '---\nother: 1 # why\n---\n# A\n',
    '---\nmeshbook: x\nother: 1\n---\n',
    '---\r\nother: 1\r\n---\r\nA',
  ]) {
    const after = set(text, all)
    const { title, session, kernelspec, runsOn, requires, stopOnError } = read(after)
    assert.deepEqual(
      [title, session, kernelspec?.name, runsOn, requires, stopOnError],
      ['Air: "2024"', 'deep', 'ir', 'studio', ['gpu', 'ram>=8'], false],
      after,
    )
    const back = set(
      after,
      all.map(([path]) => [path, undefined]),
    )
    assert.equal(back.includes('other: 1'), text.includes('other: 1'))
    assert.ok(!back.includes('studio') && !back.includes('kernelspec'))
  }
})

test('NB41 comments, order and other values stay', () => {
  const text = '---\n# mine\ntitle: "A" # t\nkernelspec: {name: python3, display_name: Py}\nlist:\n  - 1\n---\n# A\n'
  assert.equal(set(text, [[['title'], 'B']]), text.replace('"A"', '"B"'))
  assert.equal(set(text, [[['kernelspec', 'name'], 'ir']]), text.replace('python3', 'ir'))
  assert.deepEqual(setFrontMatter(text, [[['title'], 'A']], parseDocument), [])
})

test('NB41 front matter that cannot be read is left alone, with a reason', () => {
  assert.throws(() => set('---\n a: [\n---\n', all), /cannot be read/)
  assert.throws(() => set('---\n- a\n---\n', all), /cannot be read/)
})
