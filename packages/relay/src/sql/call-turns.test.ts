import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { CallTurns } from './call-turns.ts'

interface TestCall {
  name: string
  args: unknown
}

const plain = (name: string): TestCall => ({ name, args: {} })
const bulk = (name: string, of: string, bytes: number = limits.turnBytes): TestCall => ({
  name,
  args: { turn: { of, bytes } },
})
const names = (calls: TestCall[]): string[] => calls.map(({ name }) => name)

test('RL85 what has no turn goes past what has one, which goes a share at a time', () => {
  const turns = new CallTurns<TestCall>()
  const [a, b] = [bulk('a', 'run'), bulk('b', 'run')]
  for (const call of [a, b, plain('typed')]) turns.add(call)
  assert.deepEqual(names(turns.take(1)), ['typed', 'a'])
  turns.add(plain('typed too'))
  assert.deepEqual(names(turns.take(1)), ['typed too'])
  turns.answered(a)
  assert.deepEqual(names(turns.take(1)), ['b'])
})

test('RL85 calls of one name keep their order, and several names take turns', () => {
  const turns = new CallTurns<TestCall>()
  const calls = [bulk('a1', 'a'), bulk('a2', 'a'), bulk('a3', 'a'), bulk('b1', 'b')]
  for (const call of calls) turns.add(call)
  const order: string[] = []
  for (let [call] = turns.take(1); call; [call] = turns.take(1)) {
    order.push(call.name)
    turns.answered(call)
  }
  assert.deepEqual(order, ['a1', 'b1', 'a2', 'a3'])
})

test('RL85 small calls share a turn; one that is larger than a share goes alone', () => {
  const turns = new CallTurns<TestCall>()
  for (const name of ['a', 'b', 'c']) turns.add(bulk(name, 'run', 100))
  turns.add(bulk('large', 'run', 10 * limits.turnBytes))
  const taken = turns.take(1)
  assert.deepEqual(names(taken), ['a', 'b', 'c'])
  for (const call of taken) turns.answered(call)
  assert.deepEqual(names(turns.take(1)), ['large'])
})
