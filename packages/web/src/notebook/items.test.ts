import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { quickParse } from '@meshbook/core/notebook/quick-parse.ts'
import { applyChanges, type Change, changesOf, diffOf, mapOffset } from '@meshbook/core/text/text-delta.ts'
import fc from 'fast-check'
import { advance, openPage } from './items.ts'

const notebook =
  '---\ntitle: T\n---\n\n# Hello\n\n```python\nprint(1)\n```\n\n```output:run-1\n1\n```\n\nMore *prose*.\n\n~~~js\n1 + 1\n~~~\n\n```output:run-2\n2\n```\n![plot](asset:sha256-' +
  'a'.repeat(64) +
  ')\n\n```bash\nls\n```\n'

const pieces = fc.constantFrom(
  'a',
  '\n',
  '```',
  '```\n',
  '\n```\n',
  '`',
  '~~~',
  ' ',
  'x\n',
  '\n```python\n',
  '\r\n',
  '#| a: b',
  '---',
  'é',
  '😀',
  'output:run-1',
  '![x](asset:',
  '- ',
  '\n\n',
  '<!-- ',
  '-->',
  '<div>\n',
  '> ',
  '    ',
  '```{python}\n',
  `![x](asset:sha256-${'a'.repeat(64)})\n`,
  '\r',
)
const change = (text: string) =>
  fc
    .record({
      a: fc.nat(text.length),
      b: fc.nat(6),
      insert: fc.array(pieces, { maxLength: 3 }).map(list => list.join('')),
    })
    .map(({ a, b, insert }): Change => ({ from: a, to: Math.min(text.length, a + b), insert }))

test('a quick parse after any small change equals a full parse of the new text', () => {
  let quick = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1000), fc.nat(4), fc.array(pieces, { maxLength: 2 })), { minLength: 1, maxLength: 6 }),
      edits => {
        let text = notebook
        for (const [at, remove, insert] of edits) {
          const from = at % (text.length + 1)
          const edit = { from, to: Math.min(text.length, from + remove), insert: insert.join('') }
          const after = applyChanges(text, [edit])
          const answer = quickParse(parseNotebook(text), text, [edit], after)
          if (answer) {
            quick++
            assert.deepEqual(answer, parseNotebook(after))
          }
          text = after
        }
      },
    ),
    { numRuns: 4000, seed: 7 },
  )
  assert.ok(quick > 300, `the quick path was taken only ${quick} times`)
})

test('output that streams into its block takes the quick path', () => {
  const at = notebook.indexOf('1\n```\n\nMore') + 1
  const edit = { from: at, to: at, insert: '\nline 2\nline 3' }
  const after = applyChanges(notebook, [edit])
  const answer = quickParse(parseNotebook(notebook), notebook, [edit], after)
  assert.deepEqual(answer, parseNotebook(after))
  assert.ok(answer)
})

test('the items of a page after any change are those of the new text, each with a key of its own', () => {
  fc.assert(
    fc.property(change(notebook), edit => {
      const page = advance(openPage(notebook), [edit])
      const fresh = openPage(applyChanges(notebook, [edit]))
      assert.equal(page.text, fresh.text)
      assert.deepEqual(
        page.items.map(({ key: _, ...item }) => item),
        fresh.items.map(({ key: _, ...item }) => item),
      )
      assert.equal(new Set(page.items.map(item => item.key)).size, page.items.length)
    }),
    { numRuns: 2000, seed: 11 },
  )
})

test('items keep their keys when a cell is inserted above, prose is edited, or output grows', () => {
  const page = openPage(notebook)
  const keysOf = (edit: Change) => advance(page, [edit]).items.map(item => item.key)
  const keys = page.items.map(item => item.key)
  const cell = page.items.findIndex(item => item.kind === 'cell')
  const before = page.items[cell]!.from
  const inserted = keysOf({ from: before, to: before, insert: '```python\n\n```\n\n' })
  assert.deepEqual([...inserted.slice(0, cell), ...inserted.slice(cell + 1)], keys)
  const prose = notebook.indexOf('# Hello')
  assert.deepEqual(keysOf({ from: prose, to: prose + 7, insert: '## Changed' }), keys)
  assert.deepEqual(keysOf({ from: prose, to: prose, insert: 'Before. ' }), keys)
  const code = notebook.indexOf('print')
  assert.deepEqual(keysOf({ from: code, to: code, insert: 'x = 1\n' }), keys)
})

test('NB33 an item that is moved keeps its key, and those around it theirs, whatever was written into it meanwhile', () => {
  const cells = ['one', 'two', 'three'].map(code => `\`\`\`python\n${code}\n\`\`\`\n`)
  const text = cells.join('\n')
  const keyOf = (page: ReturnType<typeof openPage>, code: string) =>
    page.items.find(({ from, to }) => page.text.slice(from, to).includes(code))!.key
  const moved = [
    { from: 0, to: cells[0]!.length + 1, insert: '' },
    { from: text.length, to: text.length, insert: `\n${cells[0]}` },
  ]
  const before = openPage(text)
  const after = advance(before, moved)
  assert.equal(after.items.length, 3)
  for (const code of ['one', 'two', 'three']) assert.equal(keyOf(after, code), keyOf(before, code), code)
  const own = text.replace('one', 'one + 41')
  const written = openPage(own)
  const at = own.indexOf(' + 41')
  const merged = advance(written, [
    { from: 0, to: at, insert: '' },
    { from: at + 5, to: own.indexOf('```python\ntwo'), insert: '' },
    { from: own.length, to: own.length, insert: `\n${cells[0]}` },
  ])
  assert.equal(keyOf(merged, 'python\none'), keyOf(written, 'one'))
})

test('an offset maps as Yjs would move it', () => {
  const changes = changesOf([{ retain: 3 }, { insert: 'abc' }, { retain: 2 }, { delete: 2 }])
  assert.deepEqual(changes, [
    { from: 3, to: 3, insert: 'abc' },
    { from: 5, to: 7, insert: '' },
  ])
  assert.equal(mapOffset(changes, 3, 'left'), 3)
  assert.equal(mapOffset(changes, 3, 'right'), 6)
  assert.equal(mapOffset(changes, 6, 'left'), 8)
  assert.equal(mapOffset(changes, 8, 'left'), 9)
})

test('the difference of two texts turns one into the other and never splits a surrogate pair', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', '😀', '😁', '\n')),
      fc.array(fc.constantFrom('a', 'b', '😀', '😁', '\n')),
      (a, b) => {
        const [before, after] = [a.join(''), b.join('')]
        const found = diffOf(before, after)
        assert.equal(found ? applyChanges(before, [found]) : before, after)
        if (found) assert.ok(found.insert.isWellFormed() && before.slice(found.from, found.to).isWellFormed())
      },
    ),
  )
})
