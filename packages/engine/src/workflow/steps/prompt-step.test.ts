import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Json, Step } from '@meshbook/core/workflow/workflow-schema.ts'
import { startModelServer } from '../../../../../tests/model-server/model-server.ts'
import type { Script } from '../../../../../tests/model-server/script.ts'
import { AnthropicModel } from '../../agent/models/anthropic-model.ts'
import { GeminiModel } from '../../agent/models/gemini-model.ts'
import { OpenAiModel } from '../../agent/models/openai-model.ts'
import { type Execution, StepFailure } from '../ports.ts'
import { askModels, promptEstimate } from './prompt-step.ts'

async function scene(t: TestContext, script: Script) {
  const server = await startModelServer({ script })
  t.after(() => server.close())
  const options = { fetch, key: server.key, clock: () => 0 }
  const told: string[] = []
  const ask = (input: { [key: string]: Json }) => {
    const execution: Execution = {
      kind: 'prompt',
      input,
      step: {} as Step,
      path: 'a',
      attempt: 1,
      key: 'run/a/1',
      timeoutMs: 60_000,
      signal: new AbortController().signal,
      emit: text => told.push(text),
    }
    return askModels(execution, name =>
      name.startsWith('claude')
        ? new AnthropicModel({ ...options, baseUrl: server.url })
        : name.startsWith('gemini')
          ? new GeminiModel({ ...options, baseUrl: server.url })
          : new OpenAiModel({ ...options, baseUrl: `${server.url}/v1` }),
    )
  }
  return { server, ask, told }
}

const chain = { models: ['claude-sonnet-4-6', 'gpt-5'], user: 'Hello' }

async function failureOf(promise: Promise<unknown>): Promise<StepFailure> {
  const thrown = await promise.then(
    () => assert.fail('it answered'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof StepFailure, String(thrown))
  return thrown
}

test('WF80 a prompt answers with text, and costs what the provider counted', async t => {
  const { server, ask } = await scene(t, () => ({ say: 'Good day.', outputTokens: 7 }))
  const { output, microUsd } = await ask({ ...chain, system: 'Be kind.', max_tokens: 50 })
  assert.equal(output, 'Good day.')
  assert.ok(microUsd! > 0 && microUsd! <= Number(promptEstimate({ ...chain, system: 'Be kind.', max_tokens: 50 })))
  assert.equal(server.asked[0]!.system, 'Be kind.')
  assert.equal(server.asked[0]!.body.max_tokens, 50)
})

test('WF81 the next model is asked when one is overloaded, limited or out of order', async t => {
  for (const fault of ['overloaded', 'server-error', 'rate-limited'] as const) {
    const { server, ask, told } = await scene(t, ({ wire }) => (wire === 'anthropic' ? { fault } : { say: 'Here.' }))
    assert.equal((await ask(chain)).output, 'Here.')
    assert.deepEqual(
      server.asked.map(({ model }) => model),
      ['claude-sonnet-4-6', 'gpt-5'],
    )
    assert.match(told[0]!, /gpt-5 is asked instead/)
  }
})

test('WF81 the next model is never asked after output began, nor when the key is refused', async t => {
  const cut = await scene(t, ({ wire }) =>
    wire === 'anthropic'
      ? { fault: 'cut', after: 4, answer: { say: 'A long answer that is cut in its middle.' } }
      : { say: 'Here.' },
  )
  const begun = await failureOf(cut.ask(chain))
  assert.deepEqual([begun.known, begun.mayRetry, cut.server.asked.length], [false, true, 1])
  const locked = await scene(t, ({ wire }) => (wire === 'anthropic' ? { fault: 'bad-key' } : { say: 'Here.' }))
  const refused = await failureOf(locked.ask(chain))
  assert.deepEqual([refused.known, refused.mayRetry, locked.server.asked.length], [true, false, 1])
})

const risk = {
  type: 'object',
  required: ['risk'],
  properties: { risk: { type: 'integer', minimum: 0 } },
  additionalProperties: false,
}

for (const model of ['claude-sonnet-4-6', 'gpt-5', 'gemini-2.5-flash'])
  test(`WF82 ${model}: an answer with a schema is a value that fits it, or a failure that was paid for`, async t => {
    const prompt = { models: [model], user: 'Hello', schema: risk }
    const good = await scene(t, () => ({ say: '{"risk": 3}' }))
    assert.deepEqual((await good.ask(prompt)).output, { risk: 3 })
    const fenced = await scene(t, () => ({ say: 'Here:\n```json\n{"risk": 4}\n```' }))
    assert.deepEqual((await fenced.ask(prompt)).output, { risk: 4 })
    const wrongs = [
      ['{"risk": "high"}', /does not fit the schema: risk: .*integer/],
      ['{"risk": -1}', /does not fit the schema: risk: .*0/],
      ['{"risk": 1, "why": "because"}', /does not fit the schema: .*why/],
      ['{"risk": 1', /is no JSON/],
      ['I would rather not.', /is no JSON/],
    ] as const
    for (const [say, why] of wrongs) {
      const wrong = await scene(t, () => ({ say }))
      const failure = await failureOf(wrong.ask(prompt))
      assert.match(failure.detail!, why)
      assert.ok(failure.mayRetry && failure.known && failure.microUsd > 0)
      assert.equal(wrong.server.asked.length, 1)
    }
  })

test('WF83 what a call may cost at most is known beforehand, or said to be unknown', () => {
  const small = Number(promptEstimate({ ...chain, max_tokens: 10 }))
  assert.ok(Number(promptEstimate({ ...chain, max_tokens: 10_000 })) > small)
  assert.ok(Number(promptEstimate({ ...chain, max_tokens: 10, user: 'ä'.repeat(10_000) })) > small)
  assert.equal(promptEstimate({ ...chain, models: ['claude-sonnet-4-6', 'nobody-knows-me'] }), 'unknown')
})
