import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { isMarked, writeMarker } from './folder-marker.ts'
import { NodeDisk } from './node-disk.ts'

test('DV20 the mark and its folder are durable once it is written', async () => {
  const root = join(await temporaryFolder(), 'project')
  await mkdir(root)
  const steps: string[] = []
  class WatchedDisk extends NodeDisk {
    override async move(from: string, to: string): Promise<void> {
      await super.move(from, to)
      steps.push('named')
    }
    override async syncFolder(folder: string): Promise<void> {
      await super.syncFolder(folder)
      steps.push(folder)
    }
  }
  const project = newId('project', Date.now(), systemRandom)
  await writeMarker(new WatchedDisk(), root, project)
  assert.deepEqual(steps, ['named', join(root, '.meshbook'), root])
  assert.ok(await isMarked(new NodeDisk(), root, project))
})
