/** What a request may cost at most, and what an answer says it did: pure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { costOf, noUsage, priceOf } from '@meshbook/core/model-prices.ts'
import fc from 'fast-check'
import { billFor } from './bill.ts'
import { meterFor } from './meter.ts'
import { orderOf } from './model-order.ts'

const text = (body: object): Buffer => Buffer.from(JSON.stringify(body))
const order = (body: object, asks: Parameters<typeof orderOf>[0] = 'messages') => orderOf(asks, text(body), {})
const user = (content: unknown) => ({ role: 'user', content })
const haiku = { model: 'claude-haiku-4-5', max_tokens: 10 }

test('GW20 no text has more tokens than its bytes, and the bound is never below them', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 20 }), said => {
      const { inputTokens } = order({ ...haiku, messages: said.map(user) })
      assert.ok(inputTokens >= said.reduce((sum, one) => sum + Buffer.byteLength(one.toWellFormed()), 0))
    }),
  )
})

test('GW20 of Gemini: what goes in and comes out at most, also where a request does not say', () => {
  const ask = (body: object) => orderOf('contents', text(body), {}, 'gemini-2.5-pro-preview-06-2025')
  const part = (one: object) => ({ contents: [{ role: 'user', parts: [one] }] })
  const data = 'A'.repeat(1_000_000)
  const bounds = [
    [part({ text: 'x' }), 65_536],
    [{ ...part({ text: 'x' }), generationConfig: { maxOutputTokens: 100, candidateCount: 2 } }, 200],
  ] as const
  for (const [body, outputTokens] of bounds) assert.equal(ask(body).outputTokens, outputTokens)
  assert.ok(ask(part({ text: 'ä'.repeat(10_000) })).inputTokens >= 20_000)
  assert.ok(ask(part({ inlineData: { mimeType: 'image/png', data } })).inputTokens < 30_000)
  assert.ok(ask(part({ inlineData: { mimeType: 'text/plain', data } })).inputTokens >= 1_000_000)
  assert.equal(ask(part({ inlineData: { mimeType: 'application/pdf', data: 'AAAA' } })).inputTokens, 1_048_576)
  const disguised = { functionResponse: { name: 'f', response: { inlineData: { mimeType: 'image/png', data } } } }
  assert.ok(ask(part(disguised)).inputTokens >= 1_000_000)
  const { source, microUsd } = ask({ ...part({ text: 'x' }), generationConfig: { maxOutputTokens: 100 } })
  assert.ok(source === 'listed' && microUsd >= 1_000)
})

test('GW20 pictures, documents and what only the provider has', () => {
  const data = 'A'.repeat(1_000_000)
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } }
  assert.ok(order({ ...haiku, messages: [user([image])] }).inputTokens < 10_000)
  for (const source of [
    { type: 'base64', media_type: 'application/pdf', data: 'AAAA' },
    { type: 'url', url: 'https://a' },
    { type: 'file', file_id: 'f' },
  ])
    assert.equal(order({ ...haiku, messages: [user([{ type: 'document', source }])] }).inputTokens, 200_000)
  const plain = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }
  assert.ok(order({ ...haiku, messages: [user([plain])] }).inputTokens < 10_000)
  const before = { model: 'gpt-5', input: 'x', max_output_tokens: 5, previous_response_id: 'resp_1' }
  assert.equal(order(before, 'responses').inputTokens, 400_000)
  const sent = [{ role: 'user', content: [{ type: 'input_image', image_url: `data:image/png;base64,${data}` }] }]
  assert.ok(order({ model: 'gpt-5', input: sent }, 'responses').inputTokens < 20_000)
  // What looks like a picture in a schema, or in what a tool was called with, is text.
  const tools = [{ name: 'x', input_schema: { type: 'object', properties: image } }]
  assert.equal(order({ ...haiku, messages: [], tools }).inputTokens, 200_000)
  const call = { type: 'tool_use', id: 'a', name: 'x', input: { content: [image] } }
  assert.equal(order({ ...haiku, messages: [{ role: 'assistant', content: [call] }] }).inputTokens, 200_000)
})

test('GW20 the limit of the answer: the largest that is said, for each that is asked for, else that of the model', () => {
  const chat = { model: 'gpt-4o', messages: [user('x')] }
  assert.equal(order(chat, 'chat').outputTokens, 16_384)
  assert.equal(order({ ...chat, max_tokens: 5, max_completion_tokens: 7, n: 3 }, 'chat').outputTokens, 21)
  const thinking = { type: 'enabled', budget_tokens: 2_000 }
  assert.equal(order({ ...haiku, thinking, messages: [] }).outputTokens, 2_000)
  const predicted = order({ ...chat, max_tokens: 1, prediction: { type: 'content', content: 'x'.repeat(50) } }, 'chat')
  assert.ok(predicted.outputTokens > 50)
})

test('GW20 what is kept costs more, for an hour more still, and a long input more', () => {
  const kept = (cache_control?: object) =>
    order({
      ...haiku,
      messages: [user([{ type: 'text', text: 'x'.repeat(5_000), ...(cache_control && { cache_control }) }])],
    })
  const [plain, minutes, hour] = [kept(), kept({ type: 'ephemeral' }), kept({ type: 'ephemeral', ttl: '1h' })]
  assert.ok(plain.microUsd < minutes.microUsd && minutes.microUsd < hour.microUsd)
  const { price } = priceOf('claude-sonnet-4-5-20250929')
  assert.equal(costOf(price, { ...noUsage, inputTokens: 200_000 }), 600_000)
  assert.equal(costOf(price, { ...noUsage, inputTokens: 200_001 }), 1_200_006)
  const usage = { ...noUsage, cacheWriteTokens: 1_000, cacheReadTokens: 1_000 }
  assert.deepEqual([costOf(price, usage), costOf(price, usage, 1_000)], [3_750 + 300, 6_000 + 300])
})

test('GW20 whatever is reported within the bounds of a request costs no more than was held', () => {
  const names = ['claude-haiku-4-5', 'claude-sonnet-4-5', 'gpt-5', 'gpt-4o-mini', 'unknown']
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.nat(300_000),
      fc.nat(1_000),
      fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()),
      (model, chars, most, shares) => {
        const held = order({
          model,
          max_tokens: most + 1,
          messages: [user('x'.repeat(chars))],
          cache_control: { ttl: '1h' },
        })
        const sum = Math.max(1, shares[0] + shares[1] + shares[2])
        const part = (share: number): number => Math.floor((held.inputTokens * share) / sum)
        const usage = {
          inputTokens: part(shares[0]),
          cacheReadTokens: part(shares[1]),
          cacheWriteTokens: part(shares[2]),
          outputTokens: shares[3] % (held.outputTokens + 1),
        }
        assert.ok(costOf(held.price, usage, usage.cacheWriteTokens) <= held.microUsd)
      },
    ),
  )
})

test('GW23 GW24 GW25 a bill by how the call ended', () => {
  const held = order({ ...haiku, max_tokens: 50, messages: [user('Hello')] })
  const metered = (reported: boolean, isFinal: boolean, passedBytes: number) => ({
    reported: reported ? { usage: { ...noUsage, inputTokens: 20, outputTokens: 2 }, longWrites: 0 } : undefined,
    ...{ isFinal, passedBytes, showsAll: true },
  })
  const bill = (...[ending, meter, ms = 0]: [Parameters<typeof billFor>[1], ReturnType<typeof metered>?, number?]) => {
    const { how, usage } = billFor(held, ending, meter, ms)
    return [how, usage.inputTokens, usage.outputTokens]
  }
  assert.deepEqual(bill('whole', metered(true, true, 9)), ['reported', 20, 2])
  assert.deepEqual(bill('cut', metered(true, false, 9)), ['reported', 20, 2])
  assert.deepEqual(bill('cut', metered(false, false, 0)), ['released', 0, 0])
  assert.deepEqual(bill('cut', metered(false, false, 9)), ['estimated', held.inputTokens, 9])
  assert.deepEqual(bill('left', metered(true, false, 9)), ['estimated', 20, 9])
  assert.deepEqual(bill('left', metered(true, false, 900)), ['estimated', 20, 50])
  assert.deepEqual(bill('left', undefined, 100), ['estimated', held.inputTokens, 40])
  assert.deepEqual(bill('left', undefined, 3_600_000), ['estimated', held.inputTokens, 50])
  assert.deepEqual(bill('refused'), ['released', 0, 0])
  const hiding = order({ ...haiku, max_tokens: 5_000, thinking: { type: 'adaptive' }, messages: [] })
  assert.equal(billFor(hiding, 'left', metered(true, false, 9), 1_000).usage.outputTokens, 400)
})

test('GW23 reports that make no sense are none, and one that comes in two parts is one', () => {
  const meter = meterFor('messages', true)
  const event = (value: object) => meter.push(Buffer.from(`data: ${JSON.stringify(value)}\n\n`))
  event({ type: 'message_start', message: { usage: { input_tokens: -1, output_tokens: 1 } } })
  event({ type: 'message_start', message: { usage: { input_tokens: 1e300 } } })
  assert.equal(meter.end().reported, undefined)
  event({
    type: 'message_start',
    message: { usage: { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 1 } },
  })
  event({ type: 'message_delta', usage: { output_tokens: 30 } })
  meter.push(Buffer.from('data: nonsense\n\ndata: [DONE]\n\n'))
  const { reported, isFinal } = meter.end()
  assert.deepEqual(reported?.usage, { inputTokens: 5, outputTokens: 30, cacheReadTokens: 7, cacheWriteTokens: 0 })
  assert.equal(isFinal, false)
})
