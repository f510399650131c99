/** The commands about devices, sessions and runs, as a script uses them: JSON lines, exit codes, what is lost is said first. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { completed, started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

type Line = Record<string, unknown>
const lines = (text: string): Line[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line)

/** A hub, a device `desk` that runs `r1`, and `r2` behind it. */
async function scene(t: TestContext) {
  const test = await startTestHub(t)
  const desk = new TestDevice('desk')
  await test.hub.registerDevice(desk.publicKey, 'desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md', '```python\nx\n```\n')
  const ask = (id: string) => test.json('POST', '/runs', { id, document, language: 'python', code: 'x' })
  await ask('r1')
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  await ask('r2')
  const cli = (...args: string[]) => command([...args, '--hub', test.hub.url], { MESHBOOK_TOKEN: test.token })
  const json = async (...args: string[]) => lines((await cli(...args, '--json')).stdout)
  return { test, desk, lease, cli, json }
}

test('status: who is signed in where, how far the hub is, who is online, what is live; as words and as one JSON object', async t => {
  const { test, cli, json, lease } = await scene(t)
  const { code, stdout } = await cli('status')
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`hub +${test.hub.url}\nsigned in +as me; hub [\\d.]+, [\\d.]+ ms away`))
  assert.match(stdout, /devices +1 of 1 online: desk\nsessions +1 live\n +python default on desk\nruns +2 not ended/)
  const status = (await json('status'))[0]!
  const now = status.now as { runs: Line[]; sessions: Line[]; latencyMs: number }
  assert.deepEqual([status.reachable, now.runs.length, now.sessions.length], [true, 2, 1])
  assert.ok(now.latencyMs > 0)
  assert.ok(now.runs.some(({ id }) => id === lease.run))
})

test('status of a machine with no Meshbook, and of one whose hub is gone, says what to do, with exit code 4', async t => {
  const data = await temporaryFolder(t)
  const none = await command(['status', '--data', data])
  assert.equal(none.code, 4)
  assert.match(none.stderr, /meshbook up/)
  const token = 'mb_0123456789abcdefghijklmnop'
  const hub = await startProcess(t, await temporaryFolder(t), ['hub', '--port', '0'], {
    MESHBOOK_BOOTSTRAP_TOKEN: token,
  })
  await startProcess(t, data, ['up', '--hub', hub.url, '--name', 'anvil'], { MESHBOOK_TOKEN: token })
  const there = lines((await command(['status', '--json', '--data', data])).stdout)[0]!
  assert.equal((there.device as Line).linked, true)
  await hub.kill('SIGKILL')
  const gone = await eventually('it notices', async () => {
    const { code, stdout } = await command(['status', '--json', '--data', data])
    const status = lines(stdout)[0]!
    return (status.device as Line).linked === false && { code, status }
  })
  assert.equal(gone.code, 4)
  assert.equal((gone.status.problem as Line).code, 'UNREACHABLE')
  assert.equal(gone.status.hub, hub.url)
})

test('devices: listed with load, set, renamed and revoked, each with --json; what a revocation loses is said first', async t => {
  const { cli, json, desk } = await scene(t)
  assert.match((await cli('devices')).stdout, /desk +● online .* cpu 10 %/)
  const [listed] = await json('devices', 'list')
  assert.deepEqual([listed?.id, listed?.status], [desk.id, 'online'])
  assert.equal((await cli('devices', 'set', 'desk')).code, 2)
  assert.equal((await cli('devices', 'set', 'desk', '--battery', 'sometimes')).code, 2)
  const set = (await json('devices', 'set', 'desk', '--battery', 'never', '--executes', 'no'))[0]!
  const { battery, executes, metered } = set.policy as Line
  assert.deepEqual([battery, executes, metered], ['never', false, 'avoid'])
  assert.equal(((await json('devices'))[0]!.policy as Line).battery, 'never')
  assert.deepEqual(await json('devices', 'rename', 'desk', 'bench'), [{ device: desk.id, name: 'bench', was: 'desk' }])
  const refused = await cli('devices', 'revoke', 'bench')
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /loses the variables of python default and 1 run under way/)
  assert.equal((await json('devices')).length, 1)
  assert.deepEqual(await json('devices', 'revoke', 'bench', '--yes'), [
    { device: desk.id, name: 'bench', revoked: true },
  ])
  assert.equal((await json('devices')).length, 0)
  assert.equal((await cli('devices', 'revoke', 'bench')).code, 1)
})

test('sessions and runs: listed with where and since when, shown with every reason, cancelled, restarted, with --json', async t => {
  const { cli, json, desk, lease } = await scene(t)
  assert.match((await cli('sessions')).stdout, /python +desk .* s ago/)
  const [session] = await json('sessions', 'list')
  assert.deepEqual([session?.id, session?.device], [lease.session, desk.id])
  assert.equal(typeof session?.since, 'number')
  assert.deepEqual(
    (await json('runs', 'list', '--on', 'desk')).map(({ id }) => id),
    ['r1'],
  )
  const reasons = (await json('runs', 'show', 'r1'))[0]!.reasons as string[]
  assert.ok(reasons.length >= 2)
  const words = (await cli('runs', 'show', 'r1')).stdout
  for (const reason of reasons) assert.ok(words.includes(reason), reason)
  assert.equal((await json('runs', 'cancel', 'r2'))[0]?.status, 'cancelled')
  const restarting = json('sessions', 'restart', lease.session, '--cancel-queued')
  const asked = await desk.next('MRP_REQUEST')
  desk.send({ type: 'MRP_RESPONSE', id: asked.id, ok: true, result: {} })
  assert.deepEqual(await restarting, [{ session: lease.session, cancelled: [] }])
  const tail = json('runs', 'tail', 'r1')
  await desk.emit(lease, 2, [completed])
  assert.equal((await tail).at(-1)?.type, 'completed')
})

test('run --on goes to that device and no other, and says so; a device that nobody has is exit code 1', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const [device] = lines((await command(['devices', '--json', '--data', data])).stdout)
  const file = `${data}/projects/demo/welcome.md`
  const on = (name: string) => command(['run', file, '--cell', '1', '--on', name, '--json', '--data', data])
  const ran = await on(String(device?.name))
  assert.equal(ran.code, 0)
  const [header] = lines(ran.stdout)
  const shown = await command(['runs', 'show', String(header?.run), '--data', data])
  assert.match(shown.stdout, /why +You chose .*; no other is tried\./)
  const unknown = await on('nobody')
  assert.equal(unknown.code, 1)
  assert.match(unknown.stdout + unknown.stderr, /no device is called nobody/)
})
