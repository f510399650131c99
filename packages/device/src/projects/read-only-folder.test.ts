import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { writeMarker } from './folder-marker.ts'
import { NodeDisk } from './node-disk.ts'
import { readNotebookFile, writeTemporary } from './notebook-file.ts'
import { orStorageError } from './storage-error.ts'

const disk = new NodeDisk()

/** Root may write everywhere; it has to be somebody else for a moment. */
async function asNobody<T>(action: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return action()
  process.seteuid!(65534)
  try {
    return await action()
  } finally {
    process.seteuid!(0)
  }
}

test('a folder that may not be written: a clear message with the next step, and the file stays as it is', async () => {
  const root = await temporaryFolder()
  await chmod(root, 0o755)
  const folder = join(root, 'project')
  await mkdir(folder)
  await writeFile(join(folder, 'a.md'), 'A\n')
  await chmod(folder, 0o555)
  await asNobody(async () => {
    const file = await readNotebookFile(disk, join(folder, 'a.md'), 1_000)
    const refused = (thrown: unknown) =>
      thrown instanceof MeshError && thrown.code === 'READ_ONLY_FOLDER' && /write permission/.test(thrown.entry.hint)
    await assert.rejects(writeTemporary(disk, join(folder, '.meshbook-x.tmp'), 'B\n', file), refused)
    await assert.rejects(writeMarker(disk, folder, newId('project', Date.now(), systemRandom)), refused)
    assert.equal((await readNotebookFile(disk, join(folder, 'a.md'), 1_000))?.text, 'A\n')
  })
})

test('a full disk is told as such', async () => {
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
  await assert.rejects(
    orStorageError('a.md', () => Promise.reject(full)),
    { code: 'DISK_FULL' },
  )
})
