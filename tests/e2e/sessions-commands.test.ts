/** `meshbook sessions …` as people type it, against a real hub and two real devices with real kernels. */
import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import type { SnapshotInfo } from '@meshbook/core/snapshot.ts'
import { command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const env = { MESHBOOK_BOOTSTRAP_TOKEN: token, MESHBOOK_SNAPSHOT: 'portable' }

async function world(t: TestContext) {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data, ['--port', '0'], env)
  const folder = join(data, 'projects/demo')
  await writeFile(join(folder, 'a.md'), '```python\nx = 6\nprint("set", x)\n```\n')
  await writeFile(join(folder, 'b.md'), '```python\nprint("x is", x)\n```\n')
  const run = async (...args: string[]) => {
    const done = await command([...args, '--data', data])
    return { ...done, said: `${done.stdout}${done.stderr}` }
  }
  const ok = async (...args: string[]) => {
    const done = await run(...args)
    assert.equal(done.code, 0, `${args.join(' ')}: ${done.said}`)
    return done
  }
  const list = async <T>(...args: string[]) =>
    (await ok(...args, '--json')).stdout
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as T)
  const [device] = await list<{ id: string }>('devices', 'list')
  await ok('devices', 'rename', device!.id, 'desk')
  return { mesh, data, folder, run, ok, list }
}

test('UP20 a session is listed with its freshness, saved by name, forked with its variables, renamed and deleted', async t => {
  const { folder, run, ok, list } = await world(t)
  assert.match((await ok('sessions', 'list', '--saved')).said, /Nothing is saved yet\..*sessions doctor/)
  await ok('run', join(folder, 'a.md'))
  await eventually(
    'it is saved by itself',
    async () => (await list<SessionInfo>('sessions', 'list'))[0]?.saved?.snapshot,
  )
  assert.match((await ok('sessions', 'list')).stdout, /python\s+desk.*as of \d\d:\d\d\s+[\d.]+ [KM]?B\s+live/)
  assert.match((await ok('sessions', 'doctor')).stdout, /✔ Portable .*: works[\s\S]*✔ python default .*saved as of/)

  assert.match(
    (await ok('sessions', 'snapshot', 'python', '--name', 'set up')).said,
    /Saved as “set up”.*restore "set up"/,
  )
  const saved = await list<SnapshotInfo>('sessions', 'list', '--saved')
  assert.ok(saved.some(({ name, inside }) => name === 'set up' && inside.variables.some(one => one.name === 'x')))
  assert.match((await ok('sessions', 'list', '--saved')).stdout, /set up.*desk\s+portable.*\bx\b/)

  assert.match(
    (await ok('sessions', 'fork', 'python', '--name', 'sandbox')).said,
    /The copy is the session sandbox, live on/,
  )
  assert.match((await ok('run', join(folder, 'b.md'), '--session', 'sandbox')).stdout, /x is 6/)
  assert.match((await ok('sessions', 'restore', 'set up', '--as', 'retry')).said, /The session retry is as of/)

  await ok('sessions', 'rename', 'set up', 'kept')
  assert.equal((await run('sessions', 'delete', 'kept')).code, 2, 'nobody can be asked')
  await ok('sessions', 'delete', 'kept', '--yes')
  const gone = await run('sessions', 'delete', 'kept', '--yes')
  assert.match(gone.said, /no saved state kept/)
})

test('UP21 a session moves to another device with its variables, and what cannot be done says what to do', async t => {
  const { mesh, folder, run, ok, list } = await world(t)
  const other = await startProcess(t, await temporaryFolder(t), ['up', '--hub', mesh.url, '--name', 'anvil'], {
    MESHBOOK_TOKEN: token,
    MESHBOOK_SNAPSHOT: 'portable',
  })
  const there = join(other.data, 'demo')
  await mkdir(there)
  assert.equal((await command(['attach', there, '--project', 'demo', '--data', other.data])).code, 0)
  await eventually('anvil has it', async () => (await readdir(there)).includes('b.md'))
  await ok('run', join(folder, 'a.md'), '--on', 'desk')
  const moved = await ok('sessions', 'migrate', 'python', '--to', 'anvil')
  assert.match(moved.said, /python default is live on anvil, with its variables/)
  const ran = await ok('run', join(folder, 'b.md'))
  assert.match(ran.stdout, /x is 6/)
  const [session] = await list<SessionInfo>('sessions', 'list')
  assert.ok(session?.restored, 'it says what it was restored from')

  const said = await ok('sessions', 'policy', 'python', '--failover', 'elsewhere-after 10s', '--on-loss', 'resume')
  assert.match(said.said, /go elsewhere after 10 s of silence;[\s\S]*goes on elsewhere from where it was last saved/)
  const [kept] = await list<{ failover: object }>('sessions', 'policy', 'python')
  assert.deepEqual(kept?.failover, { elsewhereAfterMs: 10_000 })
  assert.match((await run('sessions', 'policy', 'python', '--failover', 'soon')).said, /elsewhere-after 10s/)
  assert.match((await run('sessions', 'migrate', 'julia')).said, /no session julia/)
  assert.match((await run('sessions', 'migrate', 'python', '--cancel')).said, /no move of this session is under way/)
  const [id] = (await list<{ id: string }>('runs', 'list')).map(one => one.id)
  assert.notEqual((await run('runs', 'elsewhere', id!)).code, 0)
})
