/** `meshbook keys`: a value comes from standard input, and comes out nowhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { command } from '../mesh-process.ts'

const canary = 'sk-canary-of-a-command-1234'

test('VA1 keys are set from standard input, listed without their values, turned and removed', async t => {
  const hub = await startTestHub(t)
  const keys = (args: string[], input?: string) =>
    command(['keys', ...args, '--hub', hub.hub.url], { MESHBOOK_TOKEN: hub.token }, 60_000, input)
  assert.match((await keys(['list'])).stderr, /There are no keys/)
  const set = await keys(['set', 'anthropic'], `${canary}\n`)
  assert.equal(set.code, 0, set.stderr)
  const git = await keys(['set', 'work', '--kind', 'git', '--at', 'github.com', '--json'], 'short')
  assert.deepEqual(JSON.parse(git.stdout), { set: 'work' })
  const unknown = await keys(['set', 'work'], 'x')
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /--kind is needed/)
  assert.equal((await keys(['set', 'openai'], '\n')).code, 2)
  const list = await keys(['list'])
  assert.match(list.stdout, /anthropic +anthropic +…1234 .* never\nwork +git +github\.com/)
  assert.equal((await keys(['turn'])).code, 0)
  assert.equal((await keys(['remove', 'work'])).code, 0)
  assert.equal((await keys(['remove', 'work'])).code, 1)
  const left = (await keys(['list', '--json'])).stdout.trim().split('\n')
  assert.equal(left.length, 1)
  assert.equal((JSON.parse(left[0]!) as { name: string }).name, 'anthropic')
  for (const { stdout, stderr } of [set, list, unknown]) assert.ok(!`${stdout}${stderr}`.includes('canary'))
  assert.ok(!hub.logged.join('').includes('canary'))
})
