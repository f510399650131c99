import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OwnToken } from './own-token.ts'

test('a token is asked for once, and once more for all who come with one that is void', async () => {
  let count = 0
  const token = new OwnToken(async () => `mb_${++count}`)
  assert.deepEqual(await Promise.all([token.show(), token.show()]), ['mb_1', 'mb_1'])
  assert.deepEqual(
    await Promise.all([token.show('mb_1'), token.show('mb_1'), token.show('mb_1')]),
    Array(3).fill('mb_2'),
  )
  assert.equal(await token.show('mb_1'), 'mb_2')
})

test('a hub that could not be asked is asked again', async () => {
  let isUp = false
  const token = new OwnToken(async () => {
    if (!isUp) throw new Error('down')
    return 'mb_1'
  })
  await assert.rejects(token.show(), /down/)
  isUp = true
  assert.equal(await token.show(), 'mb_1')
})
