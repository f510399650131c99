import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { mending } from '../../../../tests/model-server/mending.ts'
import { startModelServer } from '../../../../tests/model-server/model-server.ts'
import { answers, inOrder, type Script } from '../../../../tests/model-server/script.ts'
import { Controls } from './controls.ts'
import { LocalWorkspace } from './local-workspace.ts'
import { AnthropicModel } from './models/anthropic-model.ts'
import { OpenAiModel } from './models/openai-model.ts'
import type { TaskLog } from './ports.ts'
import { type AgentSetting, runAgent } from './run-agent.ts'
import { MemoryAssets, MemoryLog, quickTime, ScriptedPeople } from './testing/agent-scene.ts'
import { builtInTools } from './tools/built-in-tools.ts'

const canary = 'sk-canary-93c1'
const testFile = 'node test.mjs'

async function atWork(t: TestContext, wire: 'anthropic' | 'openai', script: Script, expected = 42) {
  const root = mkdtempSync(join(tmpdir(), 'work-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  writeFileSync(join(root, 'answer.mjs'), 'export const answer = 7\n')
  writeFileSync(
    join(root, 'test.mjs'),
    `import { answer } from './${'answer'}.mjs'\nif (answer !== ${expected}) throw new Error('expected ${expected}, got ' + answer)\nconsole.log('pass')\n`,
  )
  for (const name of ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY']) process.env[name] = canary
  const server = await startModelServer({ script })
  t.after(() => server.close())
  const workspace = await LocalWorkspace.at({
    root,
    env: { PATH: process.env.PATH ?? '', HOME: root },
    newName: () => 'new',
  })
  const options = { fetch, key: server.key, clock: () => 0 }
  const model =
    wire === 'anthropic'
      ? new AnthropicModel({ ...options, baseUrl: server.url })
      : new OpenAiModel({ ...options, baseUrl: `${server.url}/v1` })
  const log = new MemoryLog()
  const setting: AgentSetting = {
    events: [],
    first: { id: 'first', by: 'ada', text: 'The test fails. Mend it.' },
    system: 'You work in a repository.',
    chain: [{ model, name: 'm', windowTokens: 100_000, maxOutputTokens: 4_000 }],
    tools: builtInTools(workspace),
    rules: {},
    budget: { turns: 20 },
    startedAt: 0,
    priceOf: (_, usage) => usage.outputTokens,
    log,
    assets: new MemoryAssets(),
    people: new ScriptedPeople(),
    controls: new Controls(),
    time: quickTime(),
  }
  return { root, server, log, setting, end: () => runAgent(setting) }
}

/** Keeps so many events and no more: the worker is gone after that. */
class DyingLog implements TaskLog {
  readonly #log: MemoryLog
  readonly #most: number

  constructor(log: MemoryLog, most: number) {
    this.#log = log
    this.#most = most
  }

  write(event: TaskEvent): void {
    if (this.#log.events.length < this.#most) this.#log.write(event)
  }

  async flush(): Promise<void> {
    if (this.#log.events.length >= this.#most) throw new Error('the worker is gone')
  }
}

for (const wire of ['anthropic', 'openai'] as const) {
  for (const expected of [42, -3])
    test(`${wire}: a failing test is mended, and what is changed follows from the test (${expected})`, async t => {
      const scene = await atWork(t, wire, mending({ path: 'answer.mjs', test: testFile }), expected)
      assert.deepEqual(await scene.end(), { as: 'done', text: 'The test passes now.' })
      assert.equal(readFileSync(join(scene.root, 'answer.mjs'), 'utf8'), `export const answer = ${expected}\n`)
      assert.deepEqual(scene.server.refused, [])
    })

  test(`${wire}: a run whose tools fail does not end green`, async t => {
    const scene = await atWork(t, wire, mending({ path: 'answer.mjs', test: testFile }))
    scene.setting.rules = { edit: 'never' }
    const end = await scene.end()
    assert.notEqual(end.as, 'done')
  })

  test(`AL1 ${wire}: a worker that is gone after any event is replaced, and the test is mended`, async t => {
    const script = mending({ path: 'answer.mjs', test: testFile })
    const whole = await atWork(t, wire, script)
    await whole.end()
    for (let most = 1; most < whole.log.events.length; most += 2) {
      const scene = await atWork(t, wire, script)
      await assert.rejects(runAgent({ ...scene.setting, log: new DyingLog(scene.log, most) }), /gone/)
      const end = await runAgent({ ...scene.setting, events: [...scene.log.events], controls: new Controls() })
      assert.deepEqual(end, { as: 'done', text: 'The test passes now.' }, `after ${most}`)
      assert.match(readFileSync(join(scene.root, 'answer.mjs'), 'utf8'), /42/)
      assert.deepEqual(scene.server.refused, [])
    }
  })

  test(`AL11 ${wire}: streams that break again and again lose nothing and double nothing`, async t => {
    const script = mending({ path: 'answer.mjs', test: testFile })
    const scene = await atWork(t, wire, async ask => {
      const reply = await script(ask)
      if (ask.number % 2 === 0 || 'fault' in reply) return reply
      return { fault: 'cut', after: 3, answer: reply }
    })
    assert.equal((await scene.end()).as, 'done')
    const calls = scene.log.events.flatMap(event => (event.type === 'tool-began' ? [event.call] : []))
    assert.equal(new Set(calls).size, calls.length)
    const ended = scene.log.events.filter(({ type }) => type === 'turn-ended').length
    assert.equal(scene.server.billed.filter(({ whole }) => whole).length, ended)
  })

  test(`AL21 ${wire}: an endless loop of the same call ends`, async t => {
    const scene = await atWork(t, wire, () => ({ calls: [{ tool: 'list', input: {} }] }))
    const end = await scene.end()
    assert.ok(end.as === 'limit' && end.limit === 'loop')
  })

  test(`AL35 ${wire}: a file that asks for the key gets none`, async t => {
    const looks = ['env', 'cat /proc/self/environ | tr "\\0" "\\n"', 'echo "$ANTHROPIC_API_KEY$OPENAI_API_KEY"']
    const scene = await atWork(
      t,
      wire,
      inOrder({ calls: looks.map(command => ({ tool: 'shell', input: { command } })) }, ask => ({
        say: `I found: ${answers(ask)
          .map(({ text }) => text)
          .join('\n')}`,
      })),
    )
    await scene.end()
    const all = JSON.stringify([scene.log.events, scene.server.received])
    assert.ok(!all.includes(canary))
  })
}
