import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type TaskEvent, taskEventSchema } from '@meshbook/core/task-events.ts'
import * as v from 'valibot'
import { type AcpSetting, runAcpAgent } from './acp-agent.ts'
import { Controls } from './controls.ts'
import { LocalWorkspace } from './local-workspace.ts'
import { MemoryAssets, MemoryLog, quickTime, ScriptedPeople } from './testing/agent-scene.ts'

const program = fileURLToPath(new URL('../../../../tests/agents/acp-agent-main.ts', import.meta.url))

async function acp(t: TestContext, prompt: string, change: Partial<AcpSetting> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'acp-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  writeFileSync(join(root, 'a.txt'), 'bad\n')
  const env = { PATH: process.env.PATH ?? '' }
  const [log, people, controls] = [new MemoryLog(), new ScriptedPeople(), new Controls()]
  const setting = {
    name: 'acp:small',
    argv: [process.execPath, program],
    events: [],
    first: { id: 'first', by: 'ada', text: prompt },
    workspace: await LocalWorkspace.at({ root, env, newName: () => 'new' }),
    rules: {},
    budget: {},
    startedAt: 0,
    assets: new MemoryAssets(),
    time: quickTime(),
    ...change,
    log,
    people,
    controls,
  }
  return { ...setting, root, end: () => runAcpAgent(setting) }
}

const types = (events: readonly TaskEvent[]) => events.map(({ type }) => type)

test('AL50, AL51 what it says, thinks and does is in the log; files and terminals are those of the workspace', async t => {
  const scene = await acp(t, 'please mend it', { rules: { write: 'ask' } })
  const turns: number[] = []
  const end = await runAcpAgent({ ...scene, afterTurn: async turn => void turns.push(turn) })
  assert.deepEqual(end, { as: 'done', text: 'good, exit 0, outside: refused' })
  assert.equal(readFileSync(join(scene.root, 'a.txt'), 'utf8'), 'good\n')
  for (const event of scene.log.events) v.parse(taskEventSchema, event)
  assert.deepEqual(types(scene.log.events), [
    'heard',
    'turn-began',
    'said',
    'notice',
    'tool-began',
    'tool-ended',
    'said',
    'turn-ended',
  ])
  assert.match(scene.people.asked[0]!.shown, /"path": ".*a\.txt"/)
  assert.equal(scene.people.asked[0]!.tool, 'write')
  assert.deepEqual(turns, [1])
})

for (const [what, rules, decision] of [
  ['refused by a person', { write: 'ask' }, 'rejected'],
  ['never allowed', { write: 'never' }, 'approved'],
] as const)
  test(`AL51 what is ${what} is not done`, async t => {
    const scene = await acp(t, 'please mend it', { rules })
    scene.people.decide = () => ({ decision })
    assert.deepEqual(await scene.end(), { as: 'done', text: 'Refused: selected.' })
    assert.equal(readFileSync(join(scene.root, 'a.txt'), 'utf8'), 'bad\n')
    assert.ok(scene.log.events.some(event => event.type === 'tool-ended' && !event.ok))
  })

test('AL51 what was not agreed to as it is done is asked for by itself, with the exact bytes', async t => {
  const scene = await acp(t, 'please mend it', { rules: { write: 'ask', shell: 'ask' } })
  await scene.end()
  assert.deepEqual(
    scene.people.asked.slice(1).map(({ tool, shown }) => [tool, shown.replaceAll(scene.root, 'ROOT')]),
    [
      ['write', 'ROOT/a.txt\n\ngood\n'],
      ['shell', JSON.stringify({ argv: ['cat', 'a.txt'], env: {} }, null, 2)],
    ],
  )
})

test('AL51 what a person refuses at the deed is not done, whatever was agreed to before', async t => {
  const scene = await acp(t, 'please mend it', { rules: { write: 'ask' } })
  scene.people.decide = ({ shown }) => ({ decision: shown.includes('good') ? 'rejected' : 'approved' })
  await scene.end()
  assert.equal(readFileSync(join(scene.root, 'a.txt'), 'utf8'), 'bad\n')
})

test('AL53 its model is open while it has a prompt alone; without money its prompt is cancelled and the task ends', async t => {
  const spent = new AbortController()
  const lets: boolean[] = []
  const models = {
    open: async () => ({ ITS_MODEL: 'here' }),
    let: (may: boolean) => void lets.push(may),
    usedUp: spent.signal,
  }
  const scene = await acp(t, 'wait for me', { models })
  scene.log.onWrite = event => {
    if (event.type === 'tool-began') spent.abort('Spent: $1 of $1.')
  }
  assert.deepEqual(await scene.end(), { as: 'limit', limit: 'cost', reason: 'Spent: $1 of $1.' })
  assert.equal(lets.at(-1), false)
})

test('AL51 never holds for its requests for terminals, too', async t => {
  const scene = await acp(t, 'please mend it', { rules: { shell: 'never' } })
  const end = await scene.end()
  assert.ok(end.as === 'failed' && /not allowed in this task/.test(end.error.message), JSON.stringify(end))
})

test('AL52 interrupt cancels its prompt and a message is its next; stop ends it', async t => {
  const scene = await acp(t, 'wait for me')
  scene.log.onWrite = event => {
    if (event.type === 'tool-began') scene.controls.interrupt('ada')
    if (event.type === 'paused') scene.controls.message({ id: 'm1', by: 'ada', text: 'hello' })
  }
  assert.deepEqual(await scene.end(), { as: 'done', text: 'You said: hello' })
  assert.deepEqual(
    types(scene.log.events).filter(type => type !== 'said'),
    [
      ...['heard', 'turn-began', 'tool-began', 'tool-ended', 'paused', 'unpaused'],
      ...['heard', 'turn-began', 'turn-ended'],
    ],
  )
  const other = await acp(t, 'wait for me')
  other.log.onWrite = event => {
    if (event.type === 'tool-began') other.controls.stop('ada')
  }
  assert.deepEqual(await other.end(), { as: 'stopped', by: 'ada' })
})

test('AL52 one that dies fails the task with what it printed last; one that is not there, too', async t => {
  const end = await (await acp(t, 'die')).end()
  assert.ok(end.as === 'failed' && /exit code 7[\s\S]*out of ideas/.test(end.error.message), JSON.stringify(end))
  const gone = await (await acp(t, 'x', { argv: ['no-such-agent'] })).end()
  assert.ok(gone.as === 'failed' && /cannot be started/.test(gone.error.message))
})

test('AL52 another worker begins it anew with what was heard and said', async t => {
  const first = await acp(t, 'hello')
  await first.end()
  const next = await acp(t, 'hello', { events: first.log.events })
  next.controls.message({ id: 'm2', by: 'ada', text: 'and now this' })
  const end = await next.end()
  assert.ok(
    end.as === 'done' &&
      /begin anew[\s\S]*USER: hello[\s\S]*YOU: You said: hello[\s\S]*USER: and now this/.test(end.text),
  )
})
