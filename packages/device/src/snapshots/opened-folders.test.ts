import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { OpenedFolders } from './opened-folders.ts'

test('SN85 what is being restored makes no room for others that are opened meanwhile', async () => {
  let now = 1
  const opened = new OpenedFolders(await temporaryFolder(), () => now++)
  await opened.load(() => true)
  const open = async () => {
    const id = newId('snapshot', 1, systemRandom)
    await opened.get(id, newId('session', 1, systemRandom), async () => undefined)
    return id
  }
  const first = newId('snapshot', 1, systemRandom)
  const release = opened.hold(first)
  await opened.get(first, newId('session', 1, systemRandom), async () => undefined)
  for (let other = 0; other < 6; other++) await open()
  assert.ok(opened.has(first))
  release()
  for (let other = 0; other < 6; other++) await open()
  assert.ok(!opened.has(first))
})
