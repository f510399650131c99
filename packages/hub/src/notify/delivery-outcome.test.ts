import assert from 'node:assert/strict'
import { createECDH } from 'node:crypto'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { wayFailures } from '@meshbook/core/notify-api.ts'
import webPush from 'web-push'
import { nextSteps, outcomeOf, outcomeOfError, retryAfterMs } from './delivery-outcome.ts'
import { requestOf } from './way-requests.ts'
import { durationText, endedWords, gateWords, summaryWords } from './words.ts'

const attempt = { kind: 'push', attempt: 1, now: 1_000_000, random: () => 0 } as const

test('NT12 what each answer means, by its status', () => {
  const of = (status: number, kind: 'push' | 'ntfy' = 'push') =>
    outcomeOf({ ...attempt, kind }, { status, headers: {}, text: '' })
  assert.deepEqual(
    [200, 201, 202].map(status => of(status).as),
    ['accepted', 'accepted', 'accepted'],
  )
  assert.deepEqual(
    [404, 410].map(status => of(status).as),
    ['gone', 'gone'],
  )
  assert.deepEqual(
    [404, 410].map(status => of(status, 'ntfy').as),
    ['failed', 'failed'],
  )
  assert.deepEqual(
    [301, 400, 401, 403, 413].map(status => of(status).as),
    Array(5).fill('failed'),
  )
  assert.deepEqual(
    [408, 429, 500, 502, 503].map(status => of(status).as),
    Array(5).fill('again'),
  )
})

test('NT12 pauses grow to their bound, and are never shorter than the service says', () => {
  const pauses = [1, 2, 5, 30].map(n => {
    const outcome = outcomeOf(
      { ...attempt, attempt: n, random: () => 0.999999 },
      { status: 500, headers: {}, text: '' },
    )
    return outcome.as === 'again' ? outcome.at - attempt.now : 0
  })
  assert.deepEqual(
    [...pauses].sort((a, b) => a - b),
    pauses,
  )
  assert.equal(Math.round(pauses[3]! / 1_000), limits.deliveryRetryMaxMs / 1_000)
  const asked = outcomeOf(attempt, { status: 429, headers: { 'retry-after': '120' }, text: '' })
  assert.deepEqual(asked, { as: 'again', at: attempt.now + 120_000, code: 'slow-down', detail: 'HTTP 429' })
  assert.equal(retryAfterMs(new Date(60_000).toUTCString(), 0), 60_000)
  for (const text of ['soon', '-5', '', '1e9', undefined]) assert.equal(retryAfterMs(text, 0), 0, String(text))
  assert.equal(retryAfterMs('999999999', 0), limits.noticeMs)
})

test('NT13 NT20 an address that is refused is not tried again; every failure says what to do', () => {
  assert.equal(outcomeOfError(attempt, new MeshError('OUTGOING_REFUSED')).as, 'failed')
  assert.equal(outcomeOfError(attempt, new MeshError('PUSH_SERVICE')).as, 'failed')
  for (const error of [new MeshError('UNREACHABLE'), new MeshError('TIMEOUT'), new Error('x')])
    assert.equal(outcomeOfError(attempt, error).as, 'again')
  for (const failure of wayFailures) assert.ok(nextSteps[failure].length > 20)
})

test('NT11 the longest words fit into one push message, and those of a program are shown without its colours', () => {
  const long = gateWords(
    { id: 'r' as never, path: '🎈'.repeat(900), deviceName: '"'.repeat(300) },
    'g' as never,
    '🎈'.repeat(900),
  )
  const keys = createECDH('prime256v1')
  const p256dh = keys.generateKeys('base64url')
  const nothing = { inside: false, topic: null, secret: null, sealed: null, auth: 'A'.repeat(22) }
  const notice = { ...long, id: 'i'.repeat(32), kind: 'gate' as const, tag: 't'.repeat(24), madeAt: 1_800_000_000_000 }
  const target = { ...nothing, id: 'w' as never, kind: 'push' as const, url: 'https://fcm.googleapis.com/x', p256dh }
  const ports = { hubUrl: 'https://m.example', pushServices: [], now: 0, receipt: 'r'.repeat(43) }
  const details = { subject: 'https://m.example', ...webPush.generateVAPIDKeys() }
  const { body } = requestOf({ attempt: 1, until: 1, target, notice }, { ...ports, details })
  assert.ok(body!.length > 1_500 && body!.length <= 4_096, `${body!.length} bytes`)
  const run = { id: 'r' as never, path: 'a/b/train.md', deviceName: 'Desk' }
  const { title, text } = endedWords(run, { status: 'failed', ms: 100, why: '\n\u001b[31mNo\u001b[0m\nmore' })
  assert.deepEqual([title, text], ['train.md failed', 'No\nIt failed after 0.1 s on Desk.'])
  assert.equal(gateWords(run, 'g' as never, '\u200b').title, 'Meshbook')
  assert.equal(Array.from(gateWords(run, 'g' as never, '🎈'.repeat(500)).title).length, limits.noticeTitleChars)
  assert.equal(summaryWords([]).title, 'Meshbook')
  assert.deepEqual([900, 59_000, 61_000, 3_700_000].map(durationText), ['0.9 s', '59 s', '1 min 1 s', '1 h 1 min'])
})

test('NT1 a notice of a task names what was asked for and leads to its page', () => {
  const run = { id: 'run_1' as never, path: null, deviceName: null, task: 'Mend the failing test\nwith care' }
  const { title, url } = endedWords(run, { status: 'completed', ms: 61_000 })
  assert.deepEqual([title, url], ['Task “Mend the failing test” finished', '/m/tasks/run_1'])
  assert.equal(endedWords({ ...run, task: null }, { status: 'completed', ms: 1 }).url, '/m/runs/run_1')
  const asks = gateWords(run, 'gate_1' as never, 'Allow shell?')
  assert.deepEqual([asks.text, asks.url], ['Task “Mend the failing test” waits for your decision.', '/m/gates/gate_1'])
})
