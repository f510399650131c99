import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cellsOf, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { applyChanges, type Change, changesOf, type Delta } from '@meshbook/core/text/text-delta.ts'
import fc from 'fast-check'
import * as Y from 'yjs'
import { advance, openPage, type Page } from './items.ts'
import { cellTextChanges, plainOf, toEditorChanges } from './slice.ts'

/** A person with the notebook open and an editor in its first cell. */
class Peer {
  readonly doc = new Y.Doc()
  readonly text = this.doc.getText('content')
  page: Page = openPage('')
  editor = ''

  constructor(id: number) {
    this.doc.clientID = id
    this.text.observe(event => this.#changed(changesOf(event.delta as Delta)))
  }

  get #cell() {
    const item = this.page.items.find(item => item.kind === 'cell')
    return item?.kind === 'cell' ? item.cell : undefined
  }

  #changed(changes: Change[]): void {
    const before = this.#cell
    const slice = { from: before?.codeFrom ?? 0, to: before?.codeTo ?? 0 }
    this.page = advance(this.page, changes)
    const after = this.#cell
    if (!after) return
    const shown = plainOf(this.page.text, { from: after.codeFrom, to: after.codeTo })
    this.editor = applyChanges(this.editor, toEditorChanges(this.editor, shown, slice, changes))
  }

  type(change: Change): void {
    const cell = this.#cell
    if (!cell) return
    this.editor = applyChanges(this.editor, [change])
    const edits = cellTextChanges(this.page.text, cell, [change])
    this.doc.transact(() => {
      for (const edit of edits.toReversed()) this.#write(edit)
    })
  }

  #write({ from, to, insert }: Change): void {
    this.text.delete(from, to - from)
    this.text.insert(from, insert)
  }
}

function exchange(a: Peer, b: Peer): void {
  const [fromA, fromB] = [
    Y.encodeStateAsUpdate(a.doc, Y.encodeStateVector(b.doc)),
    Y.encodeStateAsUpdate(b.doc, Y.encodeStateVector(a.doc)),
  ]
  Y.applyUpdate(b.doc, fromA)
  Y.applyUpdate(a.doc, fromB)
}

const whole = (text: string, at: number): number => ((text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at - 1 : at)

const typed = fc.record({
  peer: fc.boolean(),
  at: fc.nat(),
  remove: fc.nat(3),
  insert: fc.constantFrom('a', 'bb', '\n', 'x = 1\n', '```', '\n```\n', '😀', ''),
  sync: fc.boolean(),
})

test('two editors of one cell show what the shared text holds, however their edits cross', () => {
  fc.assert(
    fc.property(fc.array(typed, { maxLength: 12 }), steps => {
      const [a, b] = [new Peer(1), new Peer(2)]
      a.text.insert(0, 'Intro\n\n```python\nprint("hello")\n```\n\nEnd\n')
      exchange(a, b)
      for (const { peer, at, remove, insert, sync } of steps) {
        const person = peer ? a : b
        // An editor never puts its cursor between the halves of a surrogate pair.
        const from = whole(person.editor, at % (person.editor.length + 1))
        person.type({ from, to: whole(person.editor, Math.min(person.editor.length, from + remove)), insert })
        if (sync) exchange(a, b)
      }
      exchange(a, b)
      assert.equal(a.text.toString(), b.text.toString())
      for (const person of [a, b]) {
        const cell = cellsOf(parseNotebook(person.text.toString()))[0]!
        assert.equal(person.editor, plainOf(person.text.toString(), { from: cell.codeFrom, to: cell.codeTo }))
      }
    }),
    { numRuns: 1500, seed: 3 },
  )
})

test('a remote edit reaches the editor as itself, so that a cursor elsewhere in the cell stays', () => {
  const slice = { from: 10, to: 20 }
  assert.deepEqual(
    toEditorChanges('aaaaaaaaaa', 'aaXaaaaaaaaY', slice, [
      { from: 12, to: 12, insert: 'X' },
      { from: 20, to: 20, insert: 'Y' },
    ]),
    [
      { from: 2, to: 2, insert: 'X' },
      { from: 10, to: 10, insert: 'Y' },
    ],
  )
})

test('typing in a cell without any line adds the line ending that keeps its fence whole', () => {
  const text = '```python\n```\n'
  const cell = cellsOf(parseNotebook(text))[0]!
  const after = applyChanges(text, cellTextChanges(text, cell, [{ from: 0, to: 0, insert: 'x' }]))
  assert.equal(after, '```python\nx\n```\n')
})

test('code that holds a fence makes the fences of its cell longer (S1)', () => {
  const text = 'a\n\n```python\nx\n```\n\nb\n'
  const cell = cellsOf(parseNotebook(text))[0]!
  const after = applyChanges(text, cellTextChanges(text, cell, [{ from: 1, to: 1, insert: '\n```\ny' }]))
  assert.equal(after, 'a\n\n````python\nx\n```\ny\n````\n\nb\n')
})

test('edits in a CRLF document land where they were made and keep its line endings', () => {
  const text = '```python\r\nab\r\ncd\r\n```\r\n'
  const cell = cellsOf(parseNotebook(text))[0]!
  assert.equal(plainOf(text, { from: cell.codeFrom, to: cell.codeTo }), 'ab\ncd')
  const after = applyChanges(text, cellTextChanges(text, cell, [{ from: 4, to: 5, insert: '\nX' }]))
  assert.equal(after, '```python\r\nab\r\nc\r\nX\r\n```\r\n')
})
