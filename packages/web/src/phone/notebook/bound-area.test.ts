import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges, type Change } from '@meshbook/core/text/text-delta.ts'
import fc from 'fast-check'
import { type Area, BoundArea } from './bound-area.ts'

class FakeArea implements Area {
  value = ''
  selectionStart = 0
  selectionEnd = 0
  setSelectionRange(start: number, end: number): void {
    this.selectionStart = start
    this.selectionEnd = end
  }
  /** As a keyboard or an input method does it. */
  put(from: number, to: number, text: string): void {
    this.value = this.value.slice(0, from) + text + this.value.slice(to)
    this.setSelectionRange(from + text.length, from + text.length)
  }
}

function open(text: string) {
  const area = new FakeArea()
  const told: Change[] = []
  let shared = text
  const bound = new BoundArea(area, text, changes => {
    told.push(...changes)
    shared = applyChanges(shared, changes)
  })
  const others = (change: Change) => {
    shared = applyChanges(shared, [change])
    bound.apply([change])
  }
  return { area, bound, told, others, shared: () => shared }
}

test('PH30 a key is the smallest change', () => {
  const { area, bound, told } = open('print(1)\n')
  area.put(6, 7, '12')
  bound.typed()
  assert.deepEqual(told, [{ from: 7, to: 7, insert: '2' }])
})

test('PH30 what others write before the caret moves it along, and after it does not', () => {
  const { area, others } = open('one two')
  area.setSelectionRange(4, 7)
  others({ from: 0, to: 0, insert: 'zero ' })
  assert.deepEqual([area.value.slice(area.selectionStart, area.selectionEnd), area.value], ['two', 'zero one two'])
  others({ from: 12, to: 12, insert: '!' })
  assert.equal(area.value.slice(area.selectionStart, area.selectionEnd), 'two')
})

test('PH31 while something is composed the area is left alone; then it is one change of the text of now', () => {
  const { area, bound, told, others, shared } = open('ab')
  area.setSelectionRange(1, 1)
  bound.composes()
  for (const text of ['k', 'か', 'かn', 'かん']) {
    area.value = `a${text}b`
    area.setSelectionRange(1 + text.length, 1 + text.length)
    bound.typed()
    if (text === 'か') others({ from: 0, to: 0, insert: '>> ' })
  }
  assert.deepEqual([area.value, told], ['aかんb', []])
  area.value = 'a漢b'
  area.setSelectionRange(2, 2)
  bound.composed()
  assert.deepEqual([area.value, shared(), area.selectionStart, told.length], ['>> a漢b', '>> a漢b', 5, 1])
})

test('PH30 PH31 whatever is typed, composed and written by others: area and text are the same, and nothing typed is lost', () => {
  const step = fc.record({
    who: fc.constantFrom('key', 'others', 'composes', 'composed'),
    at: fc.nat(40),
    length: fc.nat(3),
    text: fc.string({ unit: fc.constantFrom('a', 'b', '\n', '😀', 'é'), maxLength: 3 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const { area, bound, others, shared } = open('some text\nof two lines\n')
      let typed = 0
      for (const { who, at, length, text } of steps) {
        const long = who === 'others' ? shared() : area.value
        const from = Math.min(at, long.length)
        if (who === 'composes') bound.composes()
        else if (who === 'composed') bound.composed()
        else if (who === 'others') others({ from, to: from, insert: text })
        else {
          area.put(from, Math.min(from + length, long.length), `${text}§`)
          typed++
          bound.typed()
        }
      }
      bound.composed()
      assert.equal(area.value, shared())
      assert.equal(bound.text(), shared())
      assert.ok(typed === 0 || shared().includes('§'))
    }),
  )
})
