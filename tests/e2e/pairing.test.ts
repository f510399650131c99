import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { listOf } from '@meshbook/core/api.ts'
import { deviceInfoSchema } from '@meshbook/core/messages.ts'
import {
  clientOf,
  command,
  eventually,
  type MeshProcess,
  startMesh,
  startProcess,
  temporaryFolder,
} from '../mesh-process.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

interface Talk {
  child: ChildProcess
  next(): Promise<Record<string, unknown>>
  type(line: string): void
  ended: Promise<number | null>
}

/** A command that is talked with while it runs. */
function talk(t: TestContext, args: string[], env: NodeJS.ProcessEnv = {}): Talk {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args, '--json'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, MESHBOOK_KEYCHAIN: 'off', ...env },
  })
  let errors = ''
  child.stderr.on('data', text => (errors += String(text)))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await ended
  })
  return {
    child,
    ended,
    type: line => void child.stdin.write(`${line}\n`),
    async next() {
      const { value, done } = (await lines.next()) as IteratorResult<string, undefined>
      if (done || value === undefined) throw new Error(`it ended: ${errors}`)
      return JSON.parse(value) as Record<string, unknown>
    },
  }
}

async function deviceNames(mesh: MeshProcess): Promise<string[]> {
  const { items } = await (await clientOf(mesh)).get('/devices', listOf(deviceInfoSchema))
  return items.map(({ name, status }) => `${name} ${status}`)
}

test('PR1 UP1 a machine is paired with a code and two digits, runs without any token, and is told when it is shut out', async t => {
  const hub = await startMesh(t, await temporaryFolder(t))
  const data = await temporaryFolder(t)
  const issuing = talk(t, ['devices', 'pair', '--data', hub.data])
  const { code, url } = await issuing.next()
  assert.match(String(url), /\/pair#v1\./)
  const pairing = talk(t, ['pair', String(code), '--hub', hub.url, '--name', 'studio', '--data', data])
  const { digits } = await pairing.next()
  const { newcomer } = (await issuing.next()) as { newcomer: { name: string } }
  assert.equal(newcomer.name, 'studio')
  issuing.type(String(digits))
  assert.equal((await issuing.next()).paired, true)
  assert.equal((await pairing.next()).paired, true)
  assert.deepEqual(await Promise.all([issuing.ended, pairing.ended]), [0, 0])
  assert.ok(!(await readFile(join(data, 'up.json'), 'utf8')).includes('token'))

  const daemon = await startProcess(t, data, ['up'])
  await eventually('online', async () => (await deviceNames(hub)).includes('studio online'))
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'a.md'), '# A\n')
  assert.equal((await command(['attach', folder, '--project', 'work', '--data', data])).code, 0)
  const keys = await eventually('the doctor', async () => (await command(['doctor', '--json', '--data', data])).stdout)
  assert.match(keys, /keys are in .*device\.key, because MESHBOOK_KEYCHAIN is off/)
  await daemon.kill('SIGKILL')
  const again = await startProcess(t, data, ['up'])
  await eventually('online again', async () => (await deviceNames(hub)).includes('studio online'))

  assert.equal((await command(['devices', 'revoke', 'studio', '--data', hub.data])).code, 0)
  await eventually('the end', () => again.errors().includes('has been revoked'))
  assert.equal(await again.kill('SIGTERM'), 3, 'the exit code says why it ended')
  const refused = await command(['up', '--data', data, '--json', '--no-browser'], { MESHBOOK_TOKEN: '' }, 5_000)
  assert.match(refused.stdout, /userCode/, 'it asks to be paired again')
})

test('PR4 wrong digits and refusals end both commands with what to do', async t => {
  const hub = await startMesh(t, await temporaryFolder(t))
  const issuing = talk(t, ['devices', 'pair', '--data', hub.data])
  const { code } = await issuing.next()
  const pairing = talk(t, ['pair', String(code), '--hub', hub.url, '--data', await temporaryFolder(t)])
  const { digits } = await pairing.next()
  const wrong = String((Number(digits) + 1) % 100).padStart(2, '0')
  for (let tries = 0; tries < 3; tries++) issuing.type(wrong)
  await issuing.next()
  assert.equal((await issuing.next()).error, 'PAIRING_REFUSED')
  const told = await pairing.next()
  assert.deepEqual([told.error, (told.hint as string).length > 0], ['PAIRING_REFUSED', true])
  assert.deepEqual(await Promise.all([issuing.ended, pairing.ended]), [3, 3])
  const unknown = await command(['pair', 'AAAA-AAAA', '--hub', hub.url, '--data', await temporaryFolder(t), '--json'])
  assert.deepEqual([unknown.code, (JSON.parse(unknown.stdout) as { error: string }).error], [3, 'PAIRING_CODE'])
  assert.deepEqual((await deviceNames(hub)).length, 1)
})

test('DG2 a machine without a browser is approved elsewhere, and its commands act for it', async t => {
  const hub = await startMesh(t, await temporaryFolder(t))
  const data = await temporaryFolder(t)
  const pairing = talk(t, ['pair', '--hub', hub.url, '--name', 'rack', '--data', data])
  const { userCode } = await pairing.next()
  const client = await clientOf(hub)
  await client.send('POST', '/auth/device/decide', { userCode, approve: true })
  assert.equal((await pairing.next()).paired, true)
  assert.equal(await pairing.ended, 0)
  await startProcess(t, data, ['up'])
  await eventually('online', async () => (await deviceNames(hub)).includes('rack online'))
  const listed = await command(['devices', '--json', '--data', data])
  assert.match(listed.stdout, /"name":"rack"/)
})
