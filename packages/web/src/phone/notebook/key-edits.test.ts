import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from '@meshbook/core/text/text-delta.ts'
import { characterKey, enterKey, type Typed, type Typing, tabKey } from './key-edits.ts'

/** `|` is the caret, or both ends of the selection. */
function at(marked: string): Typing {
  const [before, selected, after] = marked.split('|') as [string, string, string?]
  const text = before + selected + (after ?? '')
  return { text, from: before.length, to: before.length + (after === undefined ? 0 : selected.length) }
}
function after({ text }: Typing, typed: Typed | undefined): string {
  if (!typed) return text
  const next = applyChanges(text, [typed.change])
  const { from, to } = typed
  return from === to
    ? `${next.slice(0, from)}|${next.slice(from)}`
    : `${next.slice(0, from)}|${next.slice(from, to)}|${next.slice(to)}`
}
const key = (marked: string, char: string) => after(at(marked), characterKey(char, at(marked)))
const enter = (marked: string, language = 'python') => after(at(marked), enterKey(at(marked), language))
const tab = (marked: string, back = false) => after(at(marked), tabKey(at(marked), back))

test('PH32 brackets and quotes close, are stepped over, and go around what is selected', () => {
  assert.equal(key('f|', '('), 'f(|)')
  assert.equal(key('f(|)', ')'), 'f()|')
  assert.equal(key('f(|x)', '('), 'f((|x)')
  assert.equal(key('a |b c| d', '"'), 'a "|b c|" d')
  assert.equal(key('x |', '='), 'x =|')
})

test('PH32 Enter keeps the indentation and goes deeper after a block was opened', () => {
  assert.equal(enter('    x = 1|'), '    x = 1\n    |')
  assert.equal(enter('def f():|'), 'def f():\n    |')
  assert.equal(enter('\tif x:|'), '\tif x:\n\t\t|')
  assert.equal(enter('f({|})'), 'f({\n    |\n})')
  assert.equal(enter('case x:|', 'bash'), 'case x:\n|')
})

test('PH32 Tab goes to the next step, and indents or outdents the lines that are selected', () => {
  assert.equal(tab('ab|'), 'ab  |')
  assert.equal(tab('|a\nb|'), '    |a\n    b|')
  assert.equal(tab('    |a\n  b|', true), '|a\nb|')
  assert.equal(tab('a|', true), 'a')
})
