import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ExpressionError, type Names, parseExpression } from './expression.ts'
import { evaluate, parseTemplate, render, renderSecretText } from './template.ts'

const names: Names = {
  inputs: {
    n: 3,
    x: 2.5,
    s: 'a',
    l: [1, 2, 3],
    many: Array.from({ length: 2_000 }, (_, i) => i),
    long: 'x'.repeat(60_000),
  },
  steps: {
    a: { output: { risk: 8, rows: [{ name: 'Ada' }] }, outcome: 'succeeded', error: null },
    'b-c': { output: 5, outcome: 'succeeded', error: null },
  },
  run: { id: 'run_1', name: 'w' },
}

const value = (text: string): unknown => parseExpression(text).evaluate(names)

test('WF20 expressions are CEL: numbers of JSON and of the text may be mixed, results are JSON', () => {
  const expected: [string, unknown][] = [
    ['steps.a.output.risk > 7', true],
    ['inputs.n + 1', 4],
    ['7 / 2', 3],
    ['inputs.n / 2', 1.5],
    ['inputs.n % 2 == 1', true],
    ['inputs.l.map(i, (i + 1) * (2 + 3))', [10, 15, 20]],
    ['inputs.l.filter(i, i > 1).size()', 2],
    ['inputs.l.exists(i, i == 2) && inputs.l.all(i, i < 9)', true],
    ['steps["b-c"].output', 5],
    ['steps.a.output.rows[0].name', 'Ada'],
    ['has(steps.a.output.zz)', false],
    ['{"a": [1, "b", null]}', { a: [1, 'b', null] }],
    ['json(inputs.l) + parseJson("[2]").map(i, string(i))[0]', '[1,2,3]2'],
    ['urlEncode("a b/ä")', 'a%20b%2F%C3%A4'],
    ['!(inputs.n > 2) ? "y" : r"n\\d"', 'n\\d'],
    ['timestamp("2026-01-01T00:00:00Z")', '2026-01-01T00:00:00.000Z'],
  ]
  for (const [text, result] of expected) assert.deepEqual(value(text), result, text)
})

test('WF21 what costs without bound ends early and is an error, also inside of all and exists', () => {
  const dear = [
    'inputs.many.map(i, inputs.many.map(j, i + j))',
    'inputs.many.all(i, inputs.many.exists(j, false) || true)',
    'inputs.many.exists_one(i, inputs.many.all(j, true))',
    'inputs.many.map(i, inputs.long)',
  ]
  for (const text of dear) {
    const began = performance.now()
    assert.throws(() => value(text), /costs too much/, text)
    assert.ok(performance.now() - began < 2_000, text)
  }
  assert.equal((value('inputs.many.filter(i, i % 2 == 0)') as unknown[]).length, 1_000)
})

test('WF22 nothing but data can be reached, and what the machine decides is not available', () => {
  for (const text of [
    'inputs.constructor',
    'inputs.__proto__',
    'steps.a.toString',
    'process',
    '__step(1)',
    'inputs.s.matches("(a+)+$")',
    'cel.bind(x, 1, x)',
    'b"x"',
    '1u',
    'inputs.?n',
    '1.0 / 0.0',
  ])
    assert.throws(() => value(text), ExpressionError, text)
  assert.throws(() => parseExpression('1 + '.repeat(2_000)), /longer than/)
  assert.throws(() => parseExpression(`${'('.repeat(300)}1${')'.repeat(300)}`), ExpressionError)
})

test('WF22 any text is an expression or an ExpressionError, and nothing else', () => {
  const piece = fc.constantFrom(
    'inputs',
    '.n',
    '[',
    ']',
    '(',
    ')',
    '"a"',
    '1',
    '+',
    '&&',
    '.map(i, i)',
    '{',
    '}',
    ':',
    ',',
    ' ',
    '!',
    '\\',
    "'",
    '?',
    '__any',
    'has(',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map(pieces => pieces.join('')),
      ),
      text => {
        try {
          value(text)
        } catch (thrown) {
          assert.ok(thrown instanceof ExpressionError, String(thrown))
        }
      },
    ),
    { numRuns: 2_000 },
  )
})

test('WF23 a text that is a whole expression keeps the type, any other is text', () => {
  assert.deepEqual(render('${{ inputs.l }}', names), [1, 2, 3])
  assert.equal(
    render('n is ${{ inputs.n }}, l ${{ inputs.l }}, ${{ null }}${{ "}}" }} ${{ {"a": {"b": 1}} }}', names),
    'n is 3, l [1,2,3], }} {"a":{"b":1}}',
  )
  assert.equal(render('no expression: $ { } {{ }}', names), 'no expression: $ { } {{ }}')
  assert.equal(evaluate('${{ inputs.n > 2 }}', names), true)
  assert.equal(evaluate('inputs.n > 2', names), true)
})

test('WF24 in a header a secret stays a name, whatever data says', () => {
  const given = { ...names, inputs: { token: 'GITHUB', evil: '${{ secrets.OTHER }}' } }
  assert.deepEqual(renderSecretText('Bearer ${{ secrets.A }}', given, new Set()), [
    { text: 'Bearer ' },
    { secret: 'A' },
  ])
  assert.deepEqual(renderSecretText('${{ inputs.token }}', given, new Set(['token'])), [{ secret: 'GITHUB' }])
  assert.deepEqual(renderSecretText('${{ inputs.evil }}', given, new Set()), [{ text: '${{ secrets.OTHER }}' }])
  assert.throws(() => parseTemplate('${{ secrets.A }}'), ExpressionError)
})
