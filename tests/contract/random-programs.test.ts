/** The judge of the random programs' output, and the terminal of the product: two models, written apart, agree (KH30). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TerminalText } from '@meshbook/core/terminal.ts'
import { asForetold, isAsForetold } from '../programs/foretold.ts'
import { programOf } from '../programs/program.ts'
import { SmallScreen } from '../programs/small-screen.ts'
import { chanceOf } from '../soak/random.ts'

/** All that a program of the soak could write, its bytes too. */
function outputOf(seed: number): string {
  const { steps } = programOf(chanceOf(seed), ['any'])
  const texts = steps.map(step => {
    if (step.do === 'bytes') return new TextDecoder().decode(Uint8Array.from(step.bytes))
    return 'text' in step ? step.text : 'texts' in step ? step.texts.join('') : ''
  })
  return texts.join('')
}

test('KH30 both terminals show the same of what random programs write', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const output = outputOf(seed)
    const terminal = new TerminalText()
    terminal.feed(output)
    assert.equal(asForetold(terminal.text()), new SmallScreen(output).lines.join('\n'), `seed ${seed}`)
  }
})

test('KH30 the small terminal knows colours, moves, erasures and titles', () => {
  const shown = (text: string) => new SmallScreen(text).lines
  assert.deepEqual(shown('10 %\r20 %\n'), ['20 %'])
  assert.deepEqual(shown('\x1b[1;31mred\x1b[0m plain'), ['⟦1;31⟧r⟦1;31⟧e⟦1;31⟧d plain'])
  assert.deepEqual(shown('one\ntwo\n\x1b[2A\x1b[Jgone'), ['gone'])
  assert.deepEqual(shown('\x1b]0;title\x07a\x1b]8;;x\x1b\\b\x01'), ['ab␁'])
})

test('KH30 a missing, a doubled and a changed line are told from what was foretold, and a cut is not', () => {
  const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`)
  const foretold = lines.join('\n')
  assert.ok(isAsForetold(foretold, foretold))
  assert.ok(!isAsForetold(lines.toSpliced(7, 1).join('\n'), foretold))
  assert.ok(!isAsForetold(lines.toSpliced(7, 0, 'line 6').join('\n'), foretold))
  assert.ok(!isAsForetold(lines.with(7, 'line x').join('\n'), foretold))
  const cut = [...lines.slice(0, 20), '… 140 bytes not shown …', ...lines.slice(40)]
  assert.ok(isAsForetold(cut.join('\n'), foretold))
  assert.ok(!isAsForetold(cut.toSpliced(3, 1).join('\n'), foretold))
})
