/** `meshbook fetch`: files that a machine only lists come when they are asked for. Real processes. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, eventually, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'

test('DV58 DV59 fetch brings a file or a folder, says what holds it up, and what was asked for comes when the hub is back', async t => {
  const hubData = await temporaryFolder(t)
  const startHub = (port: string) =>
    startProcess(t, hubData, ['hub', '--port', port], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  const hub = await startHub('0')
  const machine = async (name: string) => {
    const data = await temporaryFolder(t)
    const folder = join(data, 'work')
    await mkdir(folder)
    await startProcess(t, data, ['up', '--hub', hub.url, '--name', name], { MESHBOOK_TOKEN: token })
    assert.equal((await command(['attach', folder, '--data', data])).code, 0)
    return { data, folder }
  }
  const here = await machine('anvil')
  const there = await machine('bench')
  const fetch = (path: string, ...args: string[]) =>
    command(['fetch', join(there.folder, path), '--data', there.data, ...args])
  const holds = (path: string, bytes: Buffer) => async () =>
    (await readFile(join(there.folder, path)).catch(() => undefined))?.equals(bytes)

  const [one, two] = [randomBytes(30 * 1024 * 1024), randomBytes(12 * 1024 * 1024)]
  await mkdir(join(here.folder, 'big'))
  await writeFile(join(here.folder, 'big/one.bin'), one)
  await writeFile(join(here.folder, 'two.bin'), two)
  await writeFile(join(here.folder, 'small.txt'), 'small')
  await eventually('the small file came by itself', holds('small.txt', Buffer.from('small')))

  const answer = await eventually('the bytes are at the hub', async () => {
    const answer = await fetch('big', '--json')
    return answer.code === 0 && answer
  })
  assert.deepEqual(JSON.parse(answer.stdout), { project: 'work', path: 'big', files: 1, bytes: one.length })
  assert.ok((await readFile(join(there.folder, 'big/one.bin'))).equals(one))
  await assert.rejects(stat(join(there.folder, 'two.bin')), { code: 'ENOENT' })
  const nothing = await fetch('nothing.bin', '--json')
  assert.deepEqual([nothing.code, JSON.parse(nothing.stdout).error], [1, 'NOT_FOUND'])
  assert.equal((await command(['fetch', '/elsewhere/x.bin', '--data', there.data])).code, 1)

  await hub.kill('SIGKILL')
  const cut = await fetch('two.bin')
  assert.equal(cut.code, 4, cut.stderr)
  assert.match(cut.stderr, /✖/)
  await startHub(new URL(hub.url).port)
  await eventually('it comes by itself', holds('two.bin', two), 40_000)
  assert.match((await fetch('two.bin')).stderr, /✔ two\.bin is here \(12\.6 MB\)/)
})
