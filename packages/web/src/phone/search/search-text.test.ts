import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finderOf, marksIn, matchHash, nearest, readMatchHash, scoreOf, wordsIn } from './search-text.ts'

const find = (query: string, text: string) => finderOf(wordsIn(query))(text)

test('PH63 a notebook matches when it has every word, and shows the line that has most of them', () => {
  const text = '# Tides\n\nThe moon pulls.\nThe sea follows the Moon slowly.\n'
  assert.equal(find('moon sun', text), undefined)
  const found = find('MOON sea', text)!
  assert.equal(found.line, 'The sea follows the Moon slowly.')
  assert.deepEqual(
    found.marks.map(({ from, to }) => found.line.slice(from, to)),
    ['sea', 'Moon'],
  )
  assert.equal(text.slice(found.at, found.at + 3), 'sea')
})

test('PH63 what programs wrote for programs is not shown as a match', () => {
  const hash = `sha256-${'ab'.repeat(32)}`
  assert.equal(find('abab', `![x](asset:${hash})\n\`\`\`output:run_abab\n1\n\`\`\`\n`), undefined)
  assert.equal(find('1.5', '```output:run_x {"a": 1.5}\nis 1.5\n```\n')!.line, 'is 1.5')
})

test('PH63 signs of patterns are letters like others, and letters whose case changes their length move no mark', () => {
  assert.equal(find('a.*(', 'x a.*( y')!.line, 'x a.*( y')
  assert.equal(find('.*', 'nothing'), undefined)
  assert.equal(find('a-b /c', 'x a-b y /c')!.marks.length, 2)
  const line = find('needle', 'İİİİ needle')!
  assert.deepEqual(line.marks, [{ from: 5, to: 11 }])
})

test('PH63 of a long line the part around the words is shown', () => {
  const found = find('needle', `${'x '.repeat(500)}needle${' y'.repeat(500)}`)!
  assert.ok(found.line.length < 170 && found.line.startsWith('…') && found.line.endsWith('…'))
  assert.equal(found.marks.length, 1)
})

test('PH63 names that begin with the word come first', () => {
  assert.deepEqual(
    ['tides', 'my tides', 'ebbtides', 'moon'].map(name => scoreOf(name, ['tides'])),
    [3, 2, 1, 0],
  )
  assert.deepEqual(marksIn('My Tides', ['tid']), [{ from: 3, to: 6 }])
  assert.deepEqual(marksIn('x', []), [])
})

test('PH63 the place of a match survives its way through an address, and changes of the text', () => {
  assert.deepEqual(readMatchHash(matchHash(120, 'a/b ü%')), { at: 120, word: 'a/b ü%' })
  for (const bad of ['', '#run-x', '#find-x-y', '#find-1-', '#find-1-%E0%A4%A'])
    assert.equal(readMatchHash(bad), undefined)
  assert.equal(nearest('moon .... moon', { at: 9, word: 'MOON' }), 10)
  assert.equal(nearest('sea', { at: 9, word: 'moon' }), undefined)
})

test('PH63 200 notebooks of 20 KB are searched in less time than a frame takes each', () => {
  const text = Array.from({ length: 400 }, (_, n) => `Line ${n} of a text about tides and other things.`).join('\n')
  const finder = finderOf(wordsIn('tides 399'))
  const begun = performance.now()
  for (let n = 0; n < 200; n++) assert.ok(finder(text))
  assert.ok(performance.now() - begun < 200 * 16)
})
