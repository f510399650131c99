import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formulaAt, formulaOf } from './math-text.ts'

test('OU6 formulas in text begin and end at dollars that touch them', () => {
  assert.deepEqual(formulaAt('$x^2$ and more'), { tex: 'x^2', display: false, length: 5 })
  assert.deepEqual(formulaAt('$$\n\\int_0^1 x\n$$'), { tex: '\\int_0^1 x', display: true, length: 16 })
  assert.equal(formulaAt('$\\$5$')?.tex, '\\$5')
  assert.equal(formulaAt('$x\\alpha$')?.tex, 'x\\alpha')
})

test('OU6 prices and lone dollars are no formulas', () => {
  for (const text of ['$5 and $10', '$ x$', '$x $', '$x', '$$', '$x\n\ny$', '$$$$', '$20,000 and USD$30'])
    assert.equal(formulaAt(text), undefined, text)
})

test('OU6 an output of LaTeX is a formula where all of it is one', () => {
  assert.equal(formulaOf('$\\displaystyle x$')?.tex, '\\displaystyle x')
  assert.equal(formulaOf('$$x$$\n')?.tex, 'x')
  assert.equal(formulaOf('\\[x\\]')?.display, true)
  assert.equal(formulaOf('\\begin{align*}x\\end{align*}')?.tex, '\\begin{align*}x\\end{align*}')
  assert.equal(formulaOf('\\begin{tabular}{l}x\\end{tabular}'), undefined)
  assert.equal(formulaOf('let $x$ be $y$'), undefined)
  assert.equal(formulaOf('$x$ is not $y$'), undefined)
})

test('OU6 a formula without end costs no time', () => {
  const started = performance.now()
  formulaAt(`$${'\\a'.repeat(9_000)}`)
  formulaAt(`$${'{'.repeat(19_000)}`)
  formulaAt(`$$${'x $'.repeat(6_000)}`)
  assert.ok(performance.now() - started < 2_000)
})
