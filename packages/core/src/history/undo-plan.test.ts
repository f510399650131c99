import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextRedo, nextUndo, type UndoStep } from './undo-plan.ts'

type Made = Partial<Omit<UndoStep, 'authors' | 'version'>> & { by?: string[] }

/** Versions from the oldest on, as given newest first. */
const steps = (...made: Made[]): UndoStep[] =>
  made
    .map(({ by = ['ada'], ...step }, i) => ({
      version: i + 1,
      kind: 'edit' as const,
      of: null,
      added: 1,
      removed: 0,
      unattributed: false,
      authors: by.map(user => ({ user })),
      ...step,
    }))
    .reverse()

test('undo goes back version by version, past what is undone, and stops at the first (HI21, HI22)', () => {
  assert.deepEqual(nextUndo(steps({}, {}, {}), 'ada'), { version: 3 })
  assert.deepEqual(nextUndo(steps({}, {}, {}, { kind: 'undo', of: 3 }), 'ada'), { version: 2 })
  const all = steps({}, {}, {}, { kind: 'undo', of: 3 }, { kind: 'undo', of: 2 })
  assert.ok('refused' in nextUndo(all, 'ada'))
  assert.ok('refused' in nextUndo([], 'ada'))
})

test('what others changed is passed over, a restore is a change, a version without a change is none', () => {
  assert.deepEqual(nextUndo(steps({}, {}, { by: ['bob'] }), 'ada'), { version: 2 })
  assert.deepEqual(nextUndo(steps({}, {}, { kind: 'restore', of: 1 }), 'ada'), { version: 3 })
  assert.deepEqual(nextUndo(steps({}, {}, { added: 0 }), 'ada'), { version: 2 })
})

test('a change made together with others or with an unknown source is refused, not passed over (HI22)', () => {
  for (const mixed of [{ by: ['ada', 'bob'] }, { unattributed: true }])
    assert.match(String(Object.values(nextUndo(steps({}, {}, mixed), 'ada'))), /together with others/)
})

test('a change whose version before was thinned away cannot be undone (HI22)', () => {
  const [newest, , oldest] = steps({}, {}, {})
  assert.ok('refused' in nextUndo([newest!, oldest!], 'ada'))
})

test('redo brings back the newest undo, can be undone again, and ends with a new change (HI21)', () => {
  const undone = steps({}, {}, {}, { kind: 'undo', of: 3 }, { kind: 'undo', of: 2 })
  assert.deepEqual(nextRedo(undone, 'ada'), { version: 5 })
  const once = steps({}, {}, {}, { kind: 'undo', of: 3 }, { kind: 'undo', of: 2 }, { kind: 'redo', of: 5 })
  assert.deepEqual(nextRedo(once, 'ada'), { version: 4 })
  assert.deepEqual(nextUndo(once, 'ada'), { version: 2 })
  assert.ok('refused' in nextRedo(steps({}, {}, { kind: 'undo', of: 2 }, {}), 'ada'))
  assert.deepEqual(nextRedo(steps({}, {}, { kind: 'undo', of: 2 }, { by: ['bob'] }), 'ada'), { version: 3 })
})
