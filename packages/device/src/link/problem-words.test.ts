import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { decodeFrame } from '@meshbook/core/frames.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { encodeMessage, parseUp } from '@meshbook/core/messages.ts'
import type { Problem } from '../problems.ts'
import { problemsInWords } from './problem-words.ts'

const id = newId('project', 1, systemRandom)
const project = { id, name: 'thesis', owner: 'me', tree: newId('document', 1, systemRandom) }
const attached = [{ project, folder: '/home/me/thesis' }]
const words = (...problems: Problem[]) => problemsInWords(problems, attached, limits).items
const conflict = (detail: string) => new MeshError('CONFLICT', { detail })

test('DV71 DV72 a file of an attached folder goes by its path in the project, in the sentence too', () => {
  const file = '/home/me/thesis/data/a.md'
  const [told] = words({ about: file, error: new MeshError('BAD_NOTEBOOK', { detail: `${file} is not UTF-8 text` }) })
  assert.deepEqual([told!.project, told!.path, told!.code], [id, 'data/a.md', 'BAD_NOTEBOOK'])
  assert.match(told!.text, /: data\/a\.md is not UTF-8 text$/)
  assert.ok(told!.next.length > 10)
  const [elsewhere] = words({ about: '/home/me/thesis-2/a.md', error: new MeshError('DISK_FULL') })
  assert.equal(elsewhere!.path, undefined)
})

test('DV72 a conflict copy and an entry of the trash are named, with the way back', () => {
  const file = '/home/me/thesis/a.csv'
  const copy = '/home/me/thesis/a (conflict 2026-11-21 bench).csv'
  const [one, two] = words(
    { about: `conflict: ${copy}`, error: conflict('a.csv was changed on two devices'), file, copy },
    { about: '/data/trash/1-b.md', error: conflict('x'), file: '/home/me/thesis/b.md', trash: '1-b.md' },
  )
  assert.deepEqual([one!.path, one!.copy], ['a.csv', 'a (conflict 2026-11-21 bench).csv'])
  assert.deepEqual([two!.path, two!.trash], ['b.md', '1-b.md'])
  assert.equal(two!.text, 'b.md was deleted on another device while it was edited here')
  assert.match(two!.next, /`meshbook trash restore "1-b\.md"`/)
})

test('DV72 a name that a shell could run stands in no command', () => {
  const at = { about: '/data/trash/x', error: conflict('x'), file: '/home/me/thesis/x.md' }
  for (const trash of ['1-$(touch x).md', '1-`touch x`.md', '1-x";touch x;".md', '1-x\ny.md']) {
    const [told] = words({ ...at, trash })
    assert.equal(told!.trash, trash)
    assert.doesNotMatch(told!.next, /touch|\n/)
  }
})

test('DV71 whatever there is to tell, the hub takes it: bounded in number and length', () => {
  const deep = `/home/me/thesis/${'ä'.repeat(3_000)}\ud800`
  const many = Array.from(
    { length: 200 },
    (_, n): Problem => ({
      about: `${deep}${n}`,
      error: conflict(`${deep} ${'😀'.repeat(2_000)}`),
      copy: deep,
      trash: deep,
    }),
  )
  const told = problemsInWords(many, attached, limits)
  assert.deepEqual([told.items.length, told.more], [limits.problemsPerDevice, 200 - limits.problemsPerDevice])
  const frame = encodeMessage({ type: 'PROBLEMS', ...told })
  assert.equal(parseUp(decodeFrame(frame)).type, 'PROBLEMS')
  assert.ok(frame.byteLength < 256 * 1024)
})
