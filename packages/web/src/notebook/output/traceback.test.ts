import assert from 'node:assert/strict'
import { test } from 'node:test'
import { framesIn, partsOfTraceback, placeOf } from './traceback.ts'

const python = [
  'Traceback (most recent call last):',
  '  File "<cell 3>", line 2, in <module>',
  '    load(1)',
  '  File "/usr/lib/python3/json/__init__.py", line 293, in load',
  '    return loads(fp.read(),',
  '  File "/usr/lib/python3/json/decoder.py", line 337, in decode',
  '    obj, end = self.raw_decode(s)',
  '               ^^^^^^^^^^^^^^^^^^',
  'ValueError: no JSON',
]

test('OU9 frames of cells are told from those of libraries, which are counted together', () => {
  const parts = partsOfTraceback(python)
  assert.deepEqual(
    parts.map(part => part.kind),
    ['cell', 'library', 'text'],
  )
  assert.equal(framesIn(parts), 3)
  const [cell, library] = parts
  assert.ok(cell?.kind === 'cell' && library?.kind === 'library')
  assert.deepEqual(cell.frame.cell, { number: 3, line: 2, code: 'load(1)' })
  assert.match(library.frames[1]!.text, /\^\^\^/)
})

test('OU9 IPython writes its frames in colours, with lines of code around', () => {
  const parts = partsOfTraceback([
    '\u001b[31m---------------------------------------------------------------------------\u001b[39m',
    '\u001b[31mZeroDivisionError\u001b[39m                         Traceback (most recent call last)',
    'Cell \u001b[32mIn[1], line 2\u001b[39m\n      1 x = 0\n----> 2 1 / x\n',
    'File \u001b[32m/usr/lib/x.py:12\u001b[39m, in f(y)\n     11 def f(y):\n---> 12   return y\n',
    '\u001b[31mZeroDivisionError\u001b[39m: division by zero',
  ])
  assert.deepEqual(
    parts.map(part => part.kind),
    ['text', 'cell', 'library', 'text'],
  )
  assert.equal(framesIn(parts), 2)
  assert.deepEqual(parts[1]?.kind === 'cell' && parts[1].frame.cell, { number: undefined, line: 2, code: '1 / x' })
  assert.deepEqual(placeOf([{ key: 'a', code: 'x = 0\n1 / x' }], { number: undefined, line: 2, code: '1 / x' }), {
    key: 'a',
    offset: 6,
  })
})

test('OU9 JavaScript names its cells too', () => {
  const parts = partsOfTraceback(['Error: no', '    at f (cell 2:3:9)', '    at node:internal/vm:12:3'])
  assert.deepEqual(
    parts.map(part => part.kind),
    ['text', 'cell', 'library'],
  )
})

test('OU9 what is no traceback of any of these stays as it is', () => {
  assert.deepEqual(partsOfTraceback(['Error in f(x) : object not found']), [
    { kind: 'text', text: 'Error in f(x) : object not found' },
  ])
  assert.deepEqual(partsOfTraceback([]), [])
})

test('OU9 the line is found where it is now, also in a cell that has moved', () => {
  const cells = [
    { key: 'a', code: 'new = 1' },
    { key: 'b', code: 'x = 0\ny = 2\nload(1)' },
  ]
  assert.deepEqual(placeOf(cells, { number: 1, line: 2, code: 'load(1)' }), { key: 'b', offset: 12 })
  assert.deepEqual(placeOf(cells, { number: 2, line: 1, code: 'gone' }), { key: 'b', offset: 0 })
  assert.equal(placeOf(cells, { number: 7, line: 1, code: 'gone' }), undefined)
})
