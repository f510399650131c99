import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import {
  answered,
  asItWas,
  begun,
  hasEdits,
  judge,
  mayTakeBack,
  type QueuedRun,
  requestOf,
  unwanted,
  withNewCode,
} from './queued-run.ts'
import { standingIn } from './standing-in.ts'

const fence = '```'
const text = `${fence}python\na\n${fence}\n\n${fence}python\nb\n${fence}\n`

function document(): { doc: Y.Doc; run: QueuedRun } {
  const doc = new Y.Doc()
  doc.getText('content').insert(0, text)
  const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(doc.getText('content'), 0))
  return { doc, run: { ...queued, anchor } }
}

const queued: QueuedRun = {
  ...{ order: 1, id: 'run_1', document: 'doc_1', project: 'prj_1', address: 'me/demo/x', path: 'x.md' },
  ...{ language: 'python', code: 'a', codeHash: 'hash', anchor: {}, demands: {}, after: {}, textHash: 'text' },
  ...{ askedAt: 0, expiresAt: 100, confirmed: false, state: { is: 'queued' } },
}

test('PH23 the cell at the anchor decides: same, other code, or gone, wherever it has moved', () => {
  const { doc, run } = document()
  const content = doc.getText('content')
  content.insert(0, 'words before\n\n')
  assert.deepEqual(standingIn(doc, run), { is: 'same' })
  const at = content.toString().indexOf('\na\n') + 1
  content.delete(at, 1)
  content.insert(at, 'c')
  assert.deepEqual(standingIn(doc, run), { is: 'changed', code: 'c' })
  const from = content.toString().indexOf(fence)
  content.delete(from, content.toString().indexOf(fence, from + 4) + 5 - from)
  assert.deepEqual(standingIn(doc, run), { is: 'gone' }, 'the next cell has other code')
})

test('PH23 what has expired or changed is asked about, and nothing is decided while nothing is known', () => {
  assert.equal(judge(queued, { is: 'unknown' }, 50), 'later')
  assert.equal(judge(queued, { is: 'same' }, 50), 'send')
  assert.deepEqual(judge(queued, { is: 'same' }, 100), { is: 'asks', why: 'expired' })
  assert.deepEqual(judge(queued, { is: 'changed', code: 'b' }, 50), { is: 'asks', why: 'changed', code: 'b' })
  assert.deepEqual(judge(queued, { is: 'gone' }, 50), { is: 'asks', why: 'gone' })
  assert.equal(judge({ ...queued, confirmed: true }, { is: 'changed', code: 'b' }, 50), 'send')
})

test('PH21 PH22 once it is being sent it is neither taken back nor begun again; only wished away', () => {
  const sending = begun(queued)!
  assert.deepEqual([mayTakeBack(queued), mayTakeBack(sending), begun(sending)], [true, false, undefined])
  assert.equal(answered(sending, { is: 'unknown' }, 1), sending)
  assert.deepEqual(answered(sending, { is: 'taken' }, 1).state, { is: 'sent', at: 1 })
  assert.equal(unwanted(sending)?.isUnwanted, true)
  assert.equal(unwanted(queued), undefined)
})

test('PH23 new code is a run of its own, and what the user has seen is not compared again', () => {
  const asking: QueuedRun = { ...queued, state: { is: 'asks', why: 'changed', code: 'b' } }
  const next = withNewCode(asking, { id: 'run_2', codeHash: 'other' }, 200, 100)!
  assert.deepEqual(
    [next.id, next.code, next.codeHash, next.expiresAt, next.state.is],
    ['run_2', 'b', 'other', 300, 'queued'],
  )
  const same = asItWas(asking, 200, 100)!
  assert.deepEqual([same.id, same.code, same.confirmed, requestOf(same).askedAt], ['run_1', 'a', true, undefined])
  assert.equal(requestOf(queued).askedAt, 0)
  assert.equal(asItWas(queued, 200, 100), undefined)
})

test('PH22 edits are at the hub when it acknowledged them, or when their tab is no longer named', () => {
  const head = { made: { one: 3 }, acked: { one: 2 }, carried: 0 }
  assert.equal(hasEdits(head, { one: 2, gone: 9 }), true)
  assert.equal(hasEdits(head, { one: 3 }), false)
  assert.equal(hasEdits({ ...head, carried: 1 }, {}), false)
})
