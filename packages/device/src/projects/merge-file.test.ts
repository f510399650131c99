import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedNames } from '@meshbook/core/executions.ts'
import { applyEdits } from '@meshbook/core/notebook/edits.ts'
import { editsBetween, editsOfUnion, linesOf } from '@meshbook/core/text/edits.ts'
import { applyToText } from '@meshbook/relay/text-rebase.ts'
import fc from 'fast-check'
import * as Y from 'yjs'
import { type Base, snapshotOf } from './base-map.ts'
import { mergeFile } from './merge-file.ts'

function docWith(text: string): { doc: Y.Doc; text: Y.Text; base: Base } {
  const doc = new Y.Doc()
  const content = doc.getText(sharedNames.content)
  content.insert(0, text)
  return { doc, text: content, base: { text, snapshot: snapshotOf(doc) } }
}

function setText(text: Y.Text, wanted: string): void {
  text.doc!.transact(() => applyToText(text, editsBetween(text.toString(), wanted)))
}

const word = fc.constantFrom('a', 'b', 'x = 1', 'print(x)', '', '```python', '```', 'some prose here', '  indented')
const lines = fc.array(word, { maxLength: 12 }).map(list => list.map(line => `${line}\n`).join(''))
/** For each base line: keep it or not, and what new lines come before it. */
const changes = fc.array(fc.record({ keep: fc.integer({ min: 0, max: 4 }), add: fc.integer({ min: 0, max: 5 }) }), {
  minLength: 13,
  maxLength: 13,
})
type Changes = { keep: number; add: number }[]

/** Applies a plan of changes; every added line is unique. */
function changed(text: string, plan: Changes, side: string): { text: string; added: string[] } {
  const old = linesOf(text)
  const added: string[] = []
  const result: string[] = []
  for (let i = 0; i <= old.length; i++) {
    const { keep, add } = plan[i]!
    for (let n = 0; n < Math.max(0, add - 3); n++) {
      const line = `${side} wrote line ${i}.${n}\n`
      added.push(line)
      result.push(line)
    }
    if (i < old.length && keep > 0) result.push(old[i]!)
  }
  return { text: result.join(''), added }
}

test('edits between two texts turn the one into the other', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }), lines, lines, (a, b, c, d) => {
      assert.equal(applyEdits(a, editsBetween(a, b)), b)
      assert.equal(applyEdits(c, editsBetween(c, d)), d)
    }),
    { numRuns: 500 },
  )
})

test('a file edited while nobody else edits becomes the text of the document (I13)', () => {
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const { doc, text, base } = docWith(before)
      Y.applyUpdate(doc, mergeFile(doc, 7, base, after))
      assert.equal(text.toString(), after)
    }),
    { numRuns: 200 },
  )
})

for (const kind of ['by identity', 'by text'] as const)
  test(`lines written into file and document at once both survive whole, and removed ones stay removed, matched ${kind} (I13)`, () => {
    fc.assert(
      fc.property(lines, changes, changes, (before, docPlan, filePlan) => {
        const { doc, text, base } = docWith(before)
        const inDoc = changed(before, docPlan, 'document')
        const inFile = changed(before, filePlan, 'file')
        setText(text, inDoc.text)
        const update = mergeFile(doc, 7, kind === 'by identity' ? base : { ...base, snapshot: null }, inFile.text)
        Y.applyUpdate(doc, update)
        const merged = linesOf(text.toString())
        for (const line of [...inDoc.added, ...inFile.added])
          assert.equal(
            merged.filter(it => it === line).length,
            1,
            `${JSON.stringify(line)} in ${JSON.stringify(merged)}`,
          )
        if (kind === 'by text') return
        const once = text.toString()
        Y.applyUpdate(doc, update)
        assert.equal(text.toString(), once, 'the same update twice changes nothing')
      }),
      { numRuns: 300 },
    )
  })

test('words typed into the same line from both sides both survive (I13)', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(40), fc.nat(10), (docAt, fileAt, cut) => {
      const before = 'the quick brown fox jumps over the dog.\nand sleeps\n'
      const { doc, text, base } = docWith(before)
      text.insert(docAt, '<ΔΔΔ>')
      if (docAt + 5 + cut <= text.length) text.delete(docAt + 5, cut)
      Y.applyUpdate(doc, mergeFile(doc, 7, base, `${before.slice(0, fileAt)}[ΩΩΩ]${before.slice(fileAt)}`))
      assert.match(text.toString(), /<ΔΔΔ>/)
      assert.match(text.toString(), /\[ΩΩΩ\]/)
    }),
    { numRuns: 300 },
  )
})

test('a last line without line ending does not run into what the other side wrote there', () => {
  for (const [before, inDoc, inFile, merged] of [
    ['a\n', 'a\nfrom the document', 'a\nfrom the file', 'a\nfrom the file\nfrom the document'],
    ['a', 'a and more', 'a\nfrom the file', 'a and more\nfrom the file'],
    ['a\nb\n', 'a\nb\nfrom the document\n', 'a\nfrom the file', 'a\nfrom the file\nfrom the document\n'],
  ] as const) {
    const { doc, text, base } = docWith(before)
    setText(text, inDoc)
    Y.applyUpdate(doc, mergeFile(doc, 7, base, inFile))
    assert.equal(text.toString(), merged)
  }
})

test('an anchor in text that the file did not change stays where it was', () => {
  const before = '# Title\n\n```python\nprint(1)\n```\n'
  const { doc, text, base } = docWith(before)
  const anchor = Y.createRelativePositionFromTypeIndex(text, before.indexOf('```python'))
  Y.applyUpdate(doc, mergeFile(doc, 7, base, `# New title\n\nIntro.\n\n\`\`\`python\nprint(1)\n\`\`\`\n`))
  const at = Y.createAbsolutePositionFromRelativePosition(anchor, doc)!.index
  assert.equal(text.toString().indexOf('```python'), at)
})

test('without a base nothing of either side is lost, and doing it again changes nothing (I2)', () => {
  fc.assert(
    fc.property(lines, lines, fc.boolean(), fc.boolean(), (one, two, cutOne, cutTwo) => {
      const inDoc = cutOne ? one.slice(0, -1) : one
      const inFile = cutTwo ? two.slice(0, -1) : two
      const merged = applyEdits(inDoc, editsOfUnion(inDoc, inFile))
      const count = (text: string, line: string) => text.split('\n').filter(it => it === line).length
      for (const side of [inDoc, inFile])
        for (const line of side.split('\n'))
          if (line !== '')
            assert.ok(count(merged, line) >= count(side, line), `${JSON.stringify(line)} in ${JSON.stringify(merged)}`)
      assert.deepEqual(editsOfUnion(merged, inFile), [])
    }),
    { numRuns: 500 },
  )
})

test('equal texts without a base are left as they are (I2)', () => {
  const { doc } = docWith('same\n')
  const before = Y.encodeStateVector(doc)
  Y.applyUpdate(doc, mergeFile(doc, 7, undefined, 'same\n'))
  assert.deepEqual(Y.encodeStateVector(doc), before)
})

test('a file of 20,000 lines that is all new does not take for ever to merge', () => {
  const make = (side: string) =>
    Array.from({ length: 20_000 }, (_, i) => `${side} ${i} ${(i * 7919) % 1000}\n`).join('')
  const { doc, text, base } = docWith(make('old'))
  const started = performance.now()
  Y.applyUpdate(doc, mergeFile(doc, 7, base, make('new')))
  assert.ok(text.toString() === make('new'))
  assert.ok(performance.now() - started < 10_000, `${performance.now() - started} ms`)
})
