import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Cursors } from './cursors.ts'
import { NotebookStore } from './notebook-store.ts'

const atOnce = (run: () => void) => {
  const timer = setTimeout(run)
  return () => clearTimeout(timer)
}

function page(from?: Y.Doc) {
  const doc = new Y.Doc()
  if (from) Y.applyUpdate(doc, Y.encodeStateAsUpdate(from))
  else doc.getText('content').insert(0, '# A\n\n```python\na = 1\nb = 2\n```\n')
  const awareness = new Awareness(doc)
  const store = new NotebookStore(doc, atOnce)
  return { doc, awareness, store, cursors: new Cursors(store, awareness), close: () => awareness.destroy() }
}
const tell = (from: Awareness, to: Awareness) =>
  applyAwarenessUpdate(to, encodeAwarenessUpdate(from, [from.clientID]), 'peer')

test('NB50 a selection in a cell shows in the same cell of another page, at the same words', async t => {
  const one = page()
  const other = page(one.doc)
  t.after(() => [one, other].map(({ close }) => close()))
  one.awareness.setLocalStateField('user', { name: 'Ada', browser: 'b1' })
  const key = one.store.order.value[1]!
  one.cursors.tell(key, { anchor: 0, head: 5 })
  await new Promise(resolve => setTimeout(resolve, 120))
  tell(one.awareness, other.awareness)
  const [caret] = other.cursors.shown.value.get(other.store.order.value[1]!)!
  assert.deepEqual([caret!.name, caret!.anchor, caret!.head], ['Ada', 0, 5])
  one.cursors.tell(key, undefined)
  await new Promise(resolve => setTimeout(resolve, 120))
  tell(one.awareness, other.awareness)
  assert.equal(other.cursors.shown.value.size, 0)
})

test('NB50 what strangers send as a cursor shows nowhere unless it is a place of this text', t => {
  const one = page()
  t.after(one.close)
  for (const cursor of [
    7,
    {},
    { head: 'x' },
    { head: { item: 5 } },
    { head: { tname: 'other' } },
    { head: { type: [] } },
  ]) {
    const stranger = new Awareness(new Y.Doc())
    stranger.setLocalState({ user: { name: { toString: 1 } }, cursor })
    tell(stranger, one.awareness)
    stranger.destroy()
  }
  assert.equal(one.cursors.shown.value.size, 0)
})
