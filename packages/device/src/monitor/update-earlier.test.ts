import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DisplayDatum } from '@meshbook/core/executions.ts'
import { parseRunId } from '@meshbook/core/ids.ts'
import type { MimePart } from '@meshbook/core/run.ts'
import * as Y from 'yjs'
import { executionsOf } from './execution-entry.ts'
import { contentOf } from './notebook-reading.ts'
import { updateEarlier } from './update-earlier.ts'

const plain = (data: string): MimePart => ({ at: 'inline', mimeType: 'text/plain', data })
const picture = (digit: string): MimePart => ({
  at: 'asset',
  mimeType: 'image/png',
  asset: `sha256-${digit.repeat(64)}`,
  bytes: 1,
})

function setUp(output: string, displayData: DisplayDatum[], other: Record<string, unknown> = {}) {
  const doc = new Y.Doc()
  contentOf(doc).insert(0, `\`\`\`python\nx\n\`\`\`\n\n\`\`\`output:run-a\n${output}\n\`\`\`\n\nThe end.\n`)
  const entry = { status: 'completed', code: 'x', language: 'python' }
  executionsOf(doc).set('run-a', new Y.Map(Object.entries({ ...entry, displayData })))
  executionsOf(doc).set('run-b', new Y.Map(Object.entries({ ...entry, ...other })))
  const update = (...parts: MimePart[]) => updateEarlier(doc, parseRunId('run-b'), new Map([['d', parts]]))
  const data = () => (executionsOf(doc).get('run-a') as Y.Map<unknown>).get('displayData') as DisplayDatum[]
  return { doc, update, data, text: () => contentOf(doc).toString().split('output:run-a\n')[1]! }
}

test('OU12 the output of an earlier run changes in its place, and what stands behind it moves along', () => {
  const before = [
    { id: 'd', parts: [plain('old')], at: 2, chars: 3 },
    { parts: [plain('tail')], at: 6, chars: 4 },
  ]
  const { update, data, text } = setUp('a\nold\ntail', before)
  update(plain('two\nlines'))
  assert.equal(text(), 'a\ntwo\nlines\ntail\n```\n\nThe end.\n')
  assert.deepEqual(data()[1], { parts: [plain('tail')], at: 12, chars: 4 })
  update(picture('1'))
  assert.match(text(), /^a\ntail\n```\n\n!\[image\]\(asset:sha256-1+\)\n\nThe end\.\n$/)
  update(plain('text again'))
  assert.equal(text(), 'a\ntext again\ntail\n```\n\nThe end.\n')
})

test('OU12 done again it changes nothing', () => {
  const { doc, update } = setUp('old', [{ id: 'd', parts: [plain('old')], at: 0, chars: 3 }])
  update(plain('new'))
  const state = Y.encodeStateVector(doc)
  update(plain('new'))
  assert.deepEqual(Y.encodeStateVector(doc), state)
})

test('OU12 another session, another language and a block that was edited are left alone', () => {
  for (const other of [{ session: 'mine' }, { language: 'r' }]) {
    const { update, text } = setUp('old', [{ id: 'd', parts: [plain('old')], at: 0, chars: 3 }], other)
    update(plain('new'))
    assert.match(text(), /^old\n/)
  }
  const edited = setUp('I wrote here', [{ id: 'd', parts: [plain('old')], at: 2, chars: 3 }])
  edited.update(plain('new'))
  assert.match(edited.text(), /^I wrote here\n/)
  assert.deepEqual(edited.data()[0]?.parts, [plain('new')])
})

test('OU12 an entry that a stranger wrote does no harm', () => {
  for (const displayData of [7, [{ id: 'd' }], [{ id: 'd', parts: 'x' }], [{ id: 'd', parts: [], at: -1 }], { d: 1 }]) {
    const { update, text } = setUp('old', displayData as never)
    update(plain('new'))
    assert.match(text(), /^old\n/)
  }
})
