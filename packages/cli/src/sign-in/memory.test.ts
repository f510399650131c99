import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataFolder } from '../data-folder.ts'
import { recall, remember } from './memory.ts'

test('LAN1 direct connections stay on or off until somebody says otherwise, and are off at first', async t => {
  const root = await mkdtemp(join(tmpdir(), 'meshbook-memory-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const folder = dataFolder(root)
  const lan = async () => (await recall(folder))?.lan
  await remember(folder, { hub: 'http://hub' })
  assert.equal(await lan(), undefined)
  await remember(folder, { lan: true })
  await remember(folder, { hub: 'http://other' })
  assert.equal(await lan(), true)
  await remember(folder, { lan: false })
  assert.equal(await lan(), false)
})
