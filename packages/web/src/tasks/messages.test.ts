import assert from 'node:assert/strict'
import { test } from 'node:test'
import { notHeard, type Unheard, withMessage } from './messages.ts'

const said = (id: string, state: Unheard['state'] = 'sent'): Unheard => ({ id, text: id, state, problem: '' })
const heard = (id: string) => ({
  items: [{ kind: 'message', key: id, at: 1, id, by: 'me', text: id, turn: 4 }] as const,
})

test('TP11 a message stands until the log has it', () => {
  assert.deepEqual(
    notHeard([said('a'), said('b')], heard('a')).map(({ id }) => id),
    ['b'],
  )
  const all = [said('b')]
  assert.equal(notHeard(all, heard('a')), all)
})

test('TP11 a message that is sent again keeps its place', () => {
  const all = withMessage([said('a', 'failed'), said('b')], said('a', 'sending'))
  assert.deepEqual(
    all.map(({ id, state }) => [id, state]),
    [
      ['a', 'sending'],
      ['b', 'sent'],
    ],
  )
  assert.deepEqual(
    withMessage(all, said('c')).map(({ id }) => id),
    ['a', 'b', 'c'],
  )
})
