/** Deleted files of an attached folder: listed and put back by the command line. */
import assert from 'node:assert/strict'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { clientOf, command, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'

interface Item {
  name: string
  project: string
  path: string
  bytes: number
}

const itemsOf = (stdout: string) =>
  stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Item)

test('DV65 trash list and trash restore: a file that was removed comes back with its document', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const client = await clientOf(mesh)
  const file = join(data, 'projects/demo/plan.md')
  const document = () => client.documentAt('me/demo/plan.md').catch(() => undefined)
  await writeFile(file, '# Plan\n')
  const before = await eventually('the notebook is a document', document)
  await unlink(file)
  await eventually('it is deleted', async () => (await document()) === undefined)
  const listed = await command(['trash', 'list', '--project', 'demo', '--json', '--data', data])
  const [item] = itemsOf(listed.stdout)
  assert.deepEqual([item?.project, item?.path, item?.bytes], ['demo', 'plan.md', 7])
  assert.equal((await command(['trash', 'list', '--project', 'other', '--json', '--data', data])).stdout, '')
  assert.match((await command(['trash', '--data', data])).stdout, /plan\.md/)
  const wrong = await command(['trash', 'restore', 'nothing', '--data', data])
  assert.equal(wrong.code, 1)
  const restored = await command(['trash', 'restore', item!.name, '--json', '--data', data])
  assert.equal(itemsOf(restored.stdout)[0]?.path, 'plan.md')
  assert.equal(await readFile(file, 'utf8'), '# Plan\n')
  const after = await eventually('it is back', document)
  assert.equal(after.id, before.id)
  assert.equal((await command(['trash', '--json', '--data', data])).stdout, '')
})
