import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nastyLine } from '../../../../tests/arbitrary/nasty-text.ts'
import { parseAssetId, type RunId } from '../ids.ts'
import { cellsOf, type OutputBlock, outputOf, parseNotebook } from './cells.ts'
import { applyEdits } from './edits.ts'
import { fenceFor, type ImageRef, planOutputInsert, planOutputUpdate, renderOutputBlock } from './output.ts'

const run = 'run_2' as unknown as RunId
const asset = (n: number) => parseAssetId(`sha256-${String(n).repeat(64)}`)
const outputIn = (text: string): OutputBlock => outputOf(parseNotebook(text), run)!

function insertInto(text: string, cell = 0): string {
  const plan = planOutputInsert(text, cellsOf(parseNotebook(text))[cell]!, run)
  const after = applyEdits(text, [plan])
  assert.equal(outputIn(after).textFrom, plan.textOffset)
  return after
}

function update(text: string, newText: string, images: ImageRef[] = []): string {
  return applyEdits(text, planOutputUpdate(text, outputIn(text), newText, images))
}

test('a first output goes right after its cell, with an empty line before the text that follows', () => {
  assert.equal(insertInto('```python\n1\n```\nText\n'), '```python\n1\n```\n\n```output:run_2\n\n```\n\nText\n')
  assert.equal(insertInto('```python\n1\n```\n\nText\n'), '```python\n1\n```\n\n```output:run_2\n\n```\n\nText\n')
})

test('a cell at the end of the text, without line ending or closing fence, gets what it lacks', () => {
  assert.equal(insertInto('```python\n1\n```'), '```python\n1\n```\n\n```output:run_2\n\n```\n')
  assert.equal(insertInto('~~~~python\n1'), '~~~~python\n1\n~~~~\n\n```output:run_2\n\n```\n')
  assert.equal(insertInto('```python'), '```python\n```\n\n```output:run_2\n\n```\n')
})

test('a CRLF text gets CRLF lines', () => {
  assert.equal(insertInto('```python\r\n1\r\n```\r\n'), '```python\r\n1\r\n```\r\n\r\n```output:run_2\r\n\r\n```\r\n')
})

test('the outputs that follow a cell are replaced, with their images, and nothing after them is touched', () => {
  const image = `![a](asset:${asset(1)})\n`
  const text = `\`\`\`py\n1\n\`\`\`\n\n\`\`\`output:r1\nold\n\`\`\`\n\n${image}\n\`\`\`output:r0\nolder\n\`\`\`\n\nText\n`
  assert.equal(insertInto(text), '```py\n1\n```\n\n```output:run_2\n\n```\n\nText\n')
})

test('text that goes on is appended only, and text that differs is replaced from where it differs', () => {
  const text = update(insertInto('```py\n1\n```\n'), 'ab')
  const [appended, ...more] = planOutputUpdate(text, outputIn(text), 'abc', [])
  assert.deepEqual([appended, more], [{ at: outputIn(text).textTo, remove: 0, insert: 'c' }, []])
  assert.deepEqual(planOutputUpdate(text, outputIn(text), 'aXY', []), [
    { at: outputIn(text).textFrom + 1, remove: 1, insert: 'XY' },
  ])
  assert.deepEqual(planOutputUpdate(text, outputIn(text), 'ab', []), [])
})

test('a surrogate pair is never cut by an edit', () => {
  const text = update(insertInto('```py\n1\n```\n'), 'a\u{1f600}')
  assert.deepEqual(planOutputUpdate(text, outputIn(text), 'a\u{1f601}', []), [
    { at: outputIn(text).textFrom + 1, remove: 2, insert: '\u{1f601}' },
  ])
})

test('KH30 a text that was only shown on the way leaves no trace in the fences', () => {
  const empty = insertInto('```python\n1\n```\nText\n')
  const grown = update(empty, 'a\n`````\n')
  assert.match(grown, /^``````output/m)
  assert.equal(update(grown, 'a'), update(empty, 'a'))
  assert.equal(update(grown, 'a\n```'), update(empty, 'a\n```'))
})

test('S1 a longer run of backticks grows both fences', () => {
  const text = update(insertInto('```py\n1\n```\n'), '```python\nevil()\n```')
  assert.equal(text, '```py\n1\n```\n\n````output:run_2\n```python\nevil()\n```\n````\n')
  assert.equal(fenceFor('a `````` b ``'), '```````')
  assert.equal(fenceFor('~~~~', '~'), '~~~~~')
  assert.equal(fenceFor(''), '```')
})

test('images are written, kept and removed without a change to the text', () => {
  const images = [
    { alt: 'a [b] \\ \n c', asset: asset(1) },
    { alt: '', asset: asset(2) },
  ]
  const bare = update(insertInto('```py\n1\n```\nText\n'), 'x')
  const text = update(bare, 'x', images)
  assert.deepEqual(
    outputIn(text).images.map(({ alt, asset }) => ({ alt, asset })),
    [{ alt: 'a [b] \\   c', asset: asset(1) }, images[1]],
  )
  assert.deepEqual(planOutputUpdate(text, outputIn(text), 'x', images), [])
  assert.equal(update(text, 'x', []), bare)
})

test('a block in a form of somebody else is written anew', () => {
  for (const block of [
    '  ```output:run_2\n  a\n  ```\n',
    '```output:run_2\n```\n',
    '```output:run_2\na\n`````\n',
    '```output:run_2\na',
    '```output:run_2',
    '~~~output:run_2\na\n~~~\n',
  ]) {
    const text = update(`\`\`\`py\n1\n\`\`\`\n${block}`, 'new')
    assert.equal(outputIn(text).text, 'new')
    assert.equal(cellsOf(parseNotebook(text)).length, 1)
  }
})

const nastyOutput = fc.oneof(
  fc
    .array(fc.tuple(nastyLine, fc.constantFrom('\n', '\n', '\r\n', '\r', '')), { maxLength: 12 })
    .map(lines => lines.flat().join('')),
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '`',
      '~',
      '\n',
      '\r',
      '\u0000',
      '\ud800',
      '\udc00',
      '\u001b',
      '-',
      'output:run_2',
      '```python\n',
      '<!--',
      '-->',
      ' ',
      '\u2028',
      '\ufeff',
    ),
  }),
)
const host = fc.constantFrom(
  ['```python\n1\n```\n', 0],
  ['# T\n\n```py\n1\n```\n\nText\n\n```sh\n2\n```\n', 0],
  ['# T\n\n```py\n1\n```\nText\n```sh\n2\n```', 1],
  ['```python\r\n1\r\n```\r\nText\r\n', 0],
  ['~~~{python}\n1\n~~~\n\n```output:old\nx\n```\n\n```js\n3\n```\n', 0],
  ['```python\n1', 0],
  ['<!--\n-->\n- a\n\n```python\n1\n```\r- b\n', 0],
) as fc.Arbitrary<[string, number]>

test('S1 whatever cells print, the parser reads back exactly that and finds no new cell', () => {
  fc.assert(
    fc.property(
      host,
      fc.array(nastyOutput, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      ([start, cell], outputs, grow) => {
        const before = cellsOf(parseNotebook(start)).map(({ code, language }) => ({ code, language }))
        let text = insertInto(start, cell)
        let printed = ''
        for (const output of outputs) {
          printed = grow ? printed + output : output
          const images = printed.length % 2 ? [{ alt: output, asset: asset(3) }] : []
          text = update(text, printed, images)
          const notebook = parseNotebook(text)
          assert.equal(outputOf(notebook, run)?.text, printed)
          assert.equal(outputOf(notebook, run)?.images.length, images.length)
          assert.deepEqual(
            cellsOf(notebook).map(({ code, language }) => ({ code, language })),
            before,
          )
          assert.equal(cellsOf(notebook)[cell]!.output?.runId, run)
        }
        const empty = insertInto(start, cell)
        assert.ok(text.startsWith(empty.slice(0, outputIn(empty).from)))
        assert.ok(text.endsWith(empty.slice(outputIn(empty).to)))
      },
    ),
    // About 2 outputs each.
    { numRuns: 25_000 },
  )
})

test('a rendered block parses back to its text, for any text', () => {
  fc.assert(
    fc.property(nastyOutput, output => {
      const text = `\`\`\`py\n1\n\`\`\`\n${renderOutputBlock(run, output)}`
      assert.equal(outputIn(text).text, output)
      assert.equal(outputIn(text).to, text.length)
    }),
    { numRuns: 2000 },
  )
})
