import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { isRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { readDelivery, type WorkflowDelivery } from './workflow-delivery.ts'

const now = Date.parse('2026-01-05T12:00:00Z')
const at = { now, windowMs: limits.hookWindowMs }
const hook = { trigger: 'triage', secret: 'mbh_secret' }
const hmac = (bytes: string): string => createHmac('sha256', hook.secret).update(bytes).digest('hex')

function own(body: string, time = now, more: Record<string, string> = {}) {
  const seconds = time / 1_000
  const headers = new Headers({ 'x-meshbook-signature': `t=${seconds},v1=${hmac(`${seconds}.${body}`)}`, ...more })
  return { headers, body: Buffer.from(body) }
}

function good(delivery: ReturnType<typeof own>, from?: 'github' | 'gitlab'): WorkflowDelivery {
  const read = readDelivery({ ...hook, ...(from && { from }) }, delivery, at)
  assert.ok('run' in read, JSON.stringify(read))
  return read
}

test('WF109 a signed delivery is an event; one that is not signed by the secret is refused', () => {
  const { event, run } = good(own('{"n":1}'))
  assert.deepEqual(event, { body: { n: 1 }, name: null, at: '2026-01-05T12:00:00.000Z' })
  assert.ok(isRunId(run))
  const changed = { ...own('{"n":1}'), body: Buffer.from('{"n":2}') }
  assert.deepEqual(readDelivery(hook, changed, at), { refused: true })
  assert.deepEqual(readDelivery({ ...hook, secret: 'mbh_other' }, own('{}'), at), { refused: true })
  assert.deepEqual(readDelivery({ ...hook, secret: null }, own('{}'), at), { refused: true })
  assert.deepEqual(readDelivery(hook, { headers: new Headers(), body: Buffer.from('{}') }, at), { refused: true })
  const nobody = createHmac('sha256', 'nothing')
    .update(`${now / 1_000}.{}`)
    .digest('hex')
  const forged = new Headers({ 'x-meshbook-signature': `t=${now / 1_000},v1=${nobody}` })
  assert.deepEqual(readDelivery({ ...hook, secret: null }, { headers: forged, body: Buffer.from('{}') }, at), {
    refused: true,
  })
})

test('WF109 outside of the window it may be a replay, and starts nothing', () => {
  for (const time of [now - at.windowMs - 1_000, now + at.windowMs + 1_000])
    assert.match(JSON.stringify(readDelivery(hook, own('{}', time), at)), /ignored.*replay/)
  for (const time of [now - at.windowMs, now + at.windowMs]) good(own('{}', time))
})

test('WF109 a replay is the same run, whatever number is put on it; the same order at another time is another', () => {
  const first = good(own('{}'))
  const replayed = good(own('{}', now, { 'idempotency-key': 'mine' }))
  assert.deepEqual([replayed.run, replayed.numbers.digest], [first.run, first.numbers.digest])
  assert.notEqual(good(own('{}', now - 60_000)).numbers.digest, first.numbers.digest)
  // Signed again by a sender that tries again: its number is what is known.
  const keyed = [now, now - 60_000].map(
    time => good(own('{}', time, { 'idempotency-key': 'order-7' })).numbers.delivery,
  )
  assert.deepEqual(keyed, ['order-7', 'order-7'])
})

test('WF109 hosts of repositories sign in their own way', () => {
  const body = '{"action":"opened"}'
  const github = {
    'x-hub-signature-256': `sha256=${hmac(body)}`,
    'x-github-event': 'issues',
    'x-github-delivery': 'd-1',
  }
  const read = good({ headers: new Headers(github), body: Buffer.from(body) }, 'github')
  assert.deepEqual(read.event, { body: { action: 'opened' }, name: 'issues', at: null })
  assert.equal(read.numbers.delivery, 'd-1')
  const again = good(
    { headers: new Headers({ ...github, 'x-github-delivery': 'd-2' }), body: Buffer.from(body) },
    'github',
  )
  assert.equal(again.run, read.run)
  const gitlab = { 'x-gitlab-token': hook.secret, 'x-gitlab-event': 'Issue Hook' }
  assert.equal(good({ headers: new Headers(gitlab), body: Buffer.from(body) }, 'gitlab').event.name, 'Issue Hook')
  assert.deepEqual(readDelivery({ ...hook, from: 'github' }, own(body), at), { refused: true })
})

test('WF109 a body that is no JSON is told so, to those who can sign', () => {
  assert.throws(() => readDelivery(hook, own('{'), at), MeshError)
})
