/** Files that are no notebooks, on two machines that share a project through a hub: real processes, also killed. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { command, eventually, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'

async function machine(t: TestContext, hub: string, name: string) {
  const data = await temporaryFolder(t)
  const folder = join(data, 'work')
  await mkdir(folder)
  const start = () => startProcess(t, data, ['up', '--hub', hub, '--name', name], { MESHBOOK_TOKEN: token })
  const daemon = await start()
  return { data, folder, daemon, start }
}

const holds = (folder: string, path: string, bytes: Buffer | string) => async () =>
  (await readFile(join(folder, path)).catch(() => undefined))?.equals(Buffer.from(bytes))

test('a file of a folder stands on the other machine, also a large one over kill -9; renames, changes and deletions follow (DV50-DV55)', async t => {
  const env = { MESHBOOK_BOOTSTRAP_TOKEN: token }
  const hub = await startProcess(t, await temporaryFolder(t), ['hub', '--port', '0'], env)
  const here = await machine(t, hub.url, 'anvil')
  const there = await machine(t, hub.url, 'bench')
  const large = randomBytes(40 * 1024 * 1024)
  await writeFile(join(here.folder, 'table.csv'), 'a,b\n1,2\n')
  await writeFile(join(here.folder, 'note.md'), '# Note\n\n[the data](large.bin)\n')
  for (const { folder, data } of [here, there])
    assert.equal((await command(['attach', folder, '--data', data])).code, 0)
  await eventually('the small file', holds(there.folder, 'table.csv', 'a,b\n1,2\n'))

  await writeFile(join(here.folder, 'large.bin'), large)
  await eventually(
    'a copy waits',
    async () => (await readdir(join(here.data, 'device/staged')).catch(() => [])).length > 0,
  )
  await here.daemon.kill('SIGKILL')
  await here.start()
  await eventually('the large file', holds(there.folder, 'large.bin', large), 60_000)
  await eventually('no copy is left', async () => (await readdir(join(here.data, 'device/staged'))).length === 0)

  await rename(join(there.folder, 'table.csv'), join(there.folder, 'renamed.csv'))
  await eventually('the rename', holds(here.folder, 'renamed.csv', 'a,b\n1,2\n'))
  await writeFile(join(there.folder, 'renamed.csv'), 'changed')
  await eventually('the change', holds(here.folder, 'renamed.csv', 'changed'))
  await rm(join(here.folder, 'renamed.csv'))
  await eventually('the deletion', async () => !(await readdir(there.folder)).includes('renamed.csv'))
  const visible = async (folder: string) => (await readdir(folder)).filter(name => name !== '.meshbook').sort()
  assert.deepEqual(await visible(here.folder), ['large.bin', 'note.md'])
  assert.deepEqual(await visible(there.folder), ['large.bin', 'note.md'])
})
