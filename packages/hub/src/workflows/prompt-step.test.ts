/** Steps that ask models at a hub, against the strict server of models, through the hub's own gateway. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { UsageReport } from '@meshbook/core/models-api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { startModelServer } from '../../../../tests/model-server/model-server.ts'
import type { Script } from '../../../../tests/model-server/script.ts'
import { atEnd } from '../testing/at-end.ts'
import { until } from '../testing/until.ts'
import { workflowScene } from '../testing/workflow-scene.ts'

const key = 'sk-canary-of-the-provider-4711'

async function scene(t: TestContext, script: Script, keys = ['anthropic', 'openai', 'gemini']) {
  const server = await startModelServer({ script, key })
  atEnd(t, () => server.close())
  const env = {
    MESHBOOK_ANTHROPIC_URL: server.url,
    MESHBOOK_OPENAI_URL: `${server.url}/v1`,
    MESHBOOK_GEMINI_URL: server.url,
  }
  const hub = await workflowScene(t, { env })
  for (const kind of keys) await hub.json('PUT', `/keys/${kind}`, { kind, value: key })
  const usage = () => hub.json<UsageReport>('GET', '/usage')
  return Object.assign(hub, { server, usage })
}

const spentIn = (log: RunEvent[]): number =>
  log.reduce((sum, one) => {
    const event = one.type === 'workflow' ? one.event : undefined
    return sum + (event && 'microUsd' in event ? (event.microUsd ?? 0) : 0)
  }, 0)

test('WQ42 WF82 a prompt is asked with the key of the vault; what it cost is in the ledger and in the log, the same', async t => {
  const answer = { risk: 7, why: 'It says so.' }
  const hub = await scene(t, () => ({ say: JSON.stringify(answer) }))
  for (const model of ['claude-haiku-4-5', 'gpt-5-mini', 'gemini-2.5-flash']) {
    const before = (await hub.usage()).total.microUsd
    const id = await hub.run(
      `  ask: { prompt: { models: [${model}], system: Be brief., user: 'How bad is \${{ inputs.what }}?', max_tokens: 200, schema: { type: object, required: [risk], properties: { risk: { type: integer }, why: { type: string } } } } }\noutput: '\${{ steps.ask.output.risk }}'\n`,
      { inputs: { what: 'this' }, head: 'inputs: { what: { type: string } }\nbudget: { usd: 1.00 }' },
    )
    await hub.ended(id)
    assert.equal(await hub.output(id), 7)
    const { total, tasks, heldMicroUsd, projects } = await hub.usage()
    const cost = total.microUsd - before
    assert.ok(cost > 0)
    assert.equal(spentIn(await hub.log(id)), cost)
    assert.equal(heldMicroUsd, 0)
    assert.equal(tasks.find(({ task }) => task === id)?.microUsd, cost)
    assert.equal(projects[0]?.project, hub.project.id)
  }
  assert.deepEqual(hub.server.refused, [], 'what is sent is what the provider takes')
  assert.ok(!hub.logged.some(line => line.includes(key)))
})

test('WQ42 WF81 the next model is asked when one is overloaded, and a key that is missing or refused ends the step', async t => {
  const hub = await scene(t, ({ wire }) => (wire === 'anthropic' ? { fault: 'overloaded' } : { say: 'Here.' }), [
    'anthropic',
    'openai',
  ])
  const id = await hub.run(
    "  ask: { prompt: { models: [claude-haiku-4-5, gpt-5-mini], user: Hello } }\noutput: '${{ steps.ask.output }}'\n",
  )
  await hub.ended(id)
  assert.equal(await hub.output(id), 'Here.')
  const { total } = await hub.usage()
  assert.equal(spentIn(await hub.log(id)), total.microUsd)
  const none = await hub.run('  ask: { prompt: { models: [gemini-2.5-flash, gpt-5-mini], user: Hello } }\n')
  const { error } = await hub.ended(none, 'failed')
  assert.match(error!.message, /key/i)
  assert.equal(hub.server.asked.filter(({ wire }) => wire === 'openai').length, 1)
})

test('WQ42 WF50 WF51 the budget of the run and that of the month hold before anything is sent', async t => {
  const hub = await scene(t, () => ({ say: 'Here.' }))
  const steps = '  ask: { prompt: { models: [claude-haiku-4-5], user: Hello, max_tokens: 1000 } }\n'
  const small = await hub.run(steps, { head: 'budget: { usd: 0.001 }' })
  assert.equal((await hub.ended(small, 'failed')).error!.code, 'BUDGET_REACHED')
  const unknown = await hub.run(steps.replace('claude-haiku-4-5', 'gpt-of-nobody'), { head: 'budget: { usd: 1 }' })
  assert.equal((await hub.ended(unknown, 'failed')).error!.code, 'BUDGET_REACHED')
  await hub.json('PUT', `/projects/${hub.project.id}/budget`, { microUsd: 1_000 })
  const month = await hub.run(steps)
  assert.equal((await hub.ended(month, 'failed')).error!.code, 'BUDGET_REACHED')
  assert.equal(hub.server.asked.length, 0)
  const larger = await hub.run(steps.replace('1000', '50'), { head: 'budget: { usd: 0.0001, on_exceed: pause }' })
  await hub.waits(larger, 'budget')
  await hub.json('PUT', `/projects/${hub.project.id}/budget`, { microUsd: 1_000_000 })
  await hub.json('POST', `/workflow-runs/${larger}/budget`, { microUsd: 1_000_000 })
  await hub.ended(larger)
  assert.equal(hub.server.asked.length, 1)
})

test('WQ42 GW26 a call whose answer was lost with its hub is settled once, and the next attempt for itself', async t => {
  let asked = 0
  const hub = await scene(t, () => (++asked === 1 ? { say: 'It is lost.'.repeat(40), slowMs: 400 } : { say: 'Here.' }))
  const id = await hub.run(
    "  ask: { prompt: { models: [claude-haiku-4-5], user: Hello, max_tokens: 500 } }\noutput: '${{ steps.ask.output }}'\n",
    { head: 'budget: { usd: 1.00 }' },
  )
  await until(() => hub.server.asked.length === 1)
  await hub.restart()
  await hub.ended(id)
  assert.equal(await hub.output(id), 'Here.')
  const { tasks, heldMicroUsd } = await hub.usage()
  assert.deepEqual([tasks[0]?.calls, heldMicroUsd], [2, 0])
  const log = await hub.log(id)
  const interrupted = log.filter(one => one.type === 'workflow' && one.event.type === 'attempt-interrupted')
  assert.equal(interrupted.length, 1)
  assert.ok(tasks[0]!.microUsd > 0)
})

test('WQ41 a token that was revoked asks nothing more', async t => {
  const hub = await scene(t, () => ({ say: 'Here.' }))
  const made = await hub.json<{ id: string; token: string }>('POST', '/tokens', {
    name: 'of a program',
    scopes: ['read', 'run'],
  })
  const text =
    'meshbook: workflow/v1\nname: later\nsteps:\n  a: { wait: { signal: go } }\n  ask: { needs: a, prompt: { models: [claude-haiku-4-5], user: Hello } }\n'
  const begun = await hub.api(
    'POST',
    '/workflow-runs',
    { file: 'a.yaml', files: { 'a.yaml': text } },
    { authorization: `Bearer ${made.token}` },
  )
  const { id } = (await begun.json()) as { id: string }
  await hub.waits(id, 'signal')
  await hub.json('DELETE', `/tokens/${made.id}`)
  await hub.json('POST', `/workflow-runs/${id}/signals`, { name: 'go' })
  assert.equal((await hub.ended(id, 'failed')).error!.code, 'FORBIDDEN')
  assert.equal(hub.server.asked.length, 0)
})
