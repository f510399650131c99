import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedNames } from '@meshbook/core/executions.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import fc from 'fast-check'
import * as Y from 'yjs'
import { contentOf, keepReading, readingOf } from './notebook-reading.ts'

const notebook = [
  '---\nname: n\n---\n',
  '```python\nx = 1\ny\n```\n\n```output:run_a\none\ntwo\n```\n\n![p](asset:sha256-',
  `${'a'.repeat(64)})\n\nSome words.\n\n`,
  '```python\nz\n```\n\n```output:run_b\nthree\n```\n',
].join('')

const insert = fc.constantFrom(
  'a',
  'line\n',
  '\n',
  '```',
  '\n```\n',
  '`',
  '<!-- ',
  '- ',
  '\r\n',
  '```python\nq\n```\n',
  '',
)
const edit = fc.record({ at: fc.nat(400), remove: fc.nat(6), insert, by: fc.constantFrom('here', 'there', 'observer') })
type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never

function apply(doc: Y.Doc, { at, remove, insert }: Edit): void {
  const text = contentOf(doc)
  const from = Math.min(at, text.length)
  doc.transact(() => {
    text.delete(from, Math.min(remove, text.length - from))
    text.insert(from, insert)
    assertRead(doc)
  })
}

function assertRead(doc: Y.Doc): void {
  const whole = contentOf(doc).toString()
  const { text, notebook } = readingOf(doc)
  assert.equal(text.slice(0), whole)
  assert.deepEqual(notebook, parseNotebook(whole))
}

/** An observer of something else, which reads and writes the text before its own observers have heard of the change. */
function writeFromObserver(doc: Y.Doc, edits: Edit[]): void {
  doc.getMap(sharedNames.executions).observe(() => {
    assertRead(doc)
    const next = edits.shift()
    if (next) apply(doc, next)
    assertRead(doc)
  })
}

test('DV131 what is read of a notebook is what a parse of the whole text says, at any moment of any edits', () => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 12 }), fc.array(edit, { maxLength: 4 }), (edits, observed) => {
      const [doc, there] = [new Y.Doc(), new Y.Doc()]
      contentOf(doc).insert(0, notebook)
      Y.applyUpdate(there, Y.encodeStateAsUpdate(doc))
      there.on('update', update => Y.applyUpdate(doc, update))
      doc.on('update', update => Y.applyUpdate(there, update))
      writeFromObserver(doc, observed)
      const release = keepReading(doc)
      for (const next of edits) {
        if (next.by === 'observer')
          doc.transact(() => {
            doc.getMap(sharedNames.executions).set('touched', next.at)
            apply(doc, next)
          })
        else apply(next.by === 'here' ? doc : there, next)
        assertRead(doc)
      }
      release()
      assertRead(doc)
    }),
    { numRuns: 600, seed: 5 },
  )
})

test('DV131 a text with something in it that is no text is read whole', () => {
  const doc = new Y.Doc()
  contentOf(doc).insert(0, notebook)
  const release = keepReading(doc)
  assertRead(doc)
  contentOf(doc).insertEmbed(3, { image: 'x' })
  contentOf(doc).insert(20, 'more')
  assertRead(doc)
  release()
})

test('DV131 it is kept as long as one of those who hold it needs it', () => {
  const doc = new Y.Doc()
  contentOf(doc).insert(0, notebook)
  const reads = countReads(doc)
  const [first, second] = [keepReading(doc), keepReading(doc)]
  for (let at = 0; at < 5; at++) readingOf(doc)
  first()
  first()
  for (let at = 0; at < 5; at++) readingOf(doc)
  assert.equal(reads(), 1)
  second()
  for (let at = 0; at < 5; at++) readingOf(doc)
  assert.equal(reads(), 6)
})

/** How often the whole text is made. */
function countReads(doc: Y.Doc): () => number {
  const content = contentOf(doc)
  const original = content.toString.bind(content)
  let count = 0
  content.toString = () => {
    count++
    return original()
  }
  return () => count
}
