import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotUse } from './snapshot-use.ts'

test('SN95 all that works is used unless the environment says something else; what it does not know is refused', () => {
  const useOf = (setting?: string) => snapshotUse(setting === undefined ? {} : { MESHBOOK_SNAPSHOT: setting }).use
  assert.deepEqual([undefined, '', 'auto', 'criu', 'portable', 'off'].map(useOf), [
    'auto',
    'auto',
    'auto',
    'criu',
    'portable',
    'off',
  ])
  assert.throws(() => useOf('maybe'), { code: 'BAD_CONFIG' })
})
