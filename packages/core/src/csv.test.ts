import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { csvText } from './csv.ts'

test('PO33 GW62 a cell is quoted where it must be, and no cell is a formula', () => {
  assert.equal(
    csvText([
      ['a', 1],
      ['say "x", y', -2],
      ['line\nbreak', 0],
    ]),
    'a,1\r\n"say ""x"", y",-2\r\n"line\nbreak",0\r\n',
  )
  assert.equal(csvText([['=1+1', '+x', '-x', '@x', '\tx', "'x"]]), "'=1+1,'+x,'-x,'@x,'\tx,'x\r\n")
})

test('PO33 any text is read back as it was, but for the apostrophe before a formula', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 4 })), rows => {
      assert.deepEqual(
        readBack(csvText(rows)),
        rows.map(row => row.map(text => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text))),
      )
    }),
  )
})

function readBack(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length) {
    let cell = ''
    if (text[at] === '"') {
      for (at++; text[at] !== '"' || text[at + 1] === '"'; at++) {
        cell += text[at]
        if (text[at] === '"') at++
      }
      at++
    } else while (at < text.length && text[at] !== ',' && text[at] !== '\r') cell += text[at++]
    row.push(cell)
    if (text[at] === ',') at++
    else {
      rows.push(row)
      row = []
      at += 2
    }
  }
  return rows
}
