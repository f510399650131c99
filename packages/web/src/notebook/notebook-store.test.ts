import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effect } from '@preact/signals'
import * as Y from 'yjs'
import { rebased } from './bind-editor.ts'
import { NotebookStore } from './notebook-store.ts'

const text = '# Title\n\n```python\nprint(1)\n```\n\n```output:run-1\n1\n```\n\nEnd\n'

function open() {
  const doc = new Y.Doc()
  doc.getText('content').insert(0, text)
  const frames: (() => void)[] = []
  const store = new NotebookStore(doc, run => {
    frames.push(run)
    return () => frames.splice(0)
  })
  const frame = () => frames.splice(0).forEach(run => void run())
  return { doc, store, frames, frame }
}

test('streaming output draws its own cell once a frame and nothing else', () => {
  const { store, frames, frame } = open()
  const drawn: string[] = []
  for (const key of store.order.value) {
    effect(() => {
      drawn.push(`${key}:${store.view(key)!.value.kind}`)
    })
  }
  drawn.length = 0
  for (let n = 0; n < 50; n++) store.text.insert(store.text.toString().indexOf('\n```\n\nEnd'), `\nline ${n}`)
  assert.equal(frames.length, 1)
  frame()
  assert.deepEqual(drawn, ['b1:cell'])
  const view = store.view('b1')!.value
  assert.ok(view.kind === 'cell' && view.outputs[0]!.text.endsWith('line 49'))
})

test('undo takes back what this page did and leaves what others did', () => {
  const { doc, store } = open()
  const at = store.page.text.indexOf('print')
  store.write([{ from: at, to: at, insert: 'mine = 1\n' }], 'step')
  const other = new Y.Doc()
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
  other.getText('content').insert(0, 'theirs\n\n')
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  store.undo.undo()
  assert.equal(store.page.text, `theirs\n\n${text}`)
  assert.equal(store.page.text, store.text.toString())
})

test('text that others change beside an edit which is held back is taken, in its right place', () => {
  const own = { from: 10, to: 12, insert: 'long text' }
  assert.deepEqual(rebased({ from: 0, to: 1, insert: 'x' }, own), { from: 0, to: 1, insert: 'x' })
  assert.deepEqual(rebased({ from: 20, to: 21, insert: 'x' }, own), { from: 27, to: 28, insert: 'x' })
  assert.equal(rebased({ from: 9, to: 11, insert: '' }, own), undefined)
})
