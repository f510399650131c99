import assert from 'node:assert/strict'
import { createECDH } from 'node:crypto'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { mailAddressSchema, wayFailures } from '@meshbook/core/notify-api.ts'
import * as v from 'valibot'
import webPush from 'web-push'
import type { DeliveryOutcome } from '../store/deliveries.ts'
import { nextSteps, outcomeOf, outcomeOfError, outcomeOfMail, retryAfterMs } from './delivery-outcome.ts'
import { mailHost, mailOf, subjectOf } from './mail.ts'
import { mailboxOf, parseMailParty, shownAddress } from './mail-address.ts'
import { slackMessage } from './slack-message.ts'
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

test('NT33 4xx of a mail server is tried again, so is one without TLS; 5xx and a refused sign-in end the delivery', () => {
  const email = { ...attempt, kind: 'email' } as const
  const refused = (status: number) => outcomeOfMail(email, { as: 'refused', status, text: `${status} 4.2.2 full` })
  const shown = (outcome: DeliveryOutcome) =>
    'code' in outcome ? [outcome.as, outcome.code, outcome.detail] : [outcome.as]
  assert.deepEqual(shown(outcomeOfMail(email, { as: 'taken' })), ['accepted'])
  assert.deepEqual(shown(refused(450)), ['again', 'server-error', 'SMTP 450 4.2.2 full'])
  assert.deepEqual(shown(refused(550)), ['failed', 'not-accepted', 'SMTP 550 4.2.2 full'])
  assert.deepEqual(shown(refused(552)), ['failed', 'too-large', 'SMTP 552 4.2.2 full'])
  assert.deepEqual(shown(refused(530)), ['failed', 'mail-sign-in', 'SMTP 530 4.2.2 full'])
  assert.deepEqual(shown(outcomeOfMail(email, { as: 'sign-in', status: 535 })), ['failed', 'mail-sign-in', 'SMTP 535'])
  assert.deepEqual(shown(outcomeOfMail(email, { as: 'sign-in', status: 454 })), ['again', 'server-error', 'SMTP 454'])
  assert.deepEqual(shown(outcomeOfMail(email, { as: 'sign-in', status: 0 })), ['failed', 'mail-sign-in', ''])
  assert.deepEqual(shown(outcomeOfMail(email, { as: 'unsafe', text: 'CERT_HAS_EXPIRED' })), [
    'again',
    'mail-unsafe',
    'CERT_HAS_EXPIRED',
  ])
  for (const [error, code] of [
    ['KEY_UNREADABLE', 'sealed'],
    ['MAIL_OFF', 'mail-off'],
    ['TOO_LARGE', 'too-large'],
  ] as const)
    assert.deepEqual(shown(outcomeOfError(email, new MeshError(error))).slice(0, 2), ['failed', code])
})

test('NT35 the word by which Slack refuses is shown, anything else that it says is not; Retry-After may be a fraction', () => {
  const slack = (status: number, text: string, headers = {}) =>
    outcomeOf({ ...attempt, kind: 'slack' }, { status, headers, text })
  assert.deepEqual(slack(404, 'channel_not_found'), {
    as: 'failed',
    code: 'not-accepted',
    detail: 'HTTP 404 channel_not_found',
  })
  assert.deepEqual(slack(400, '<html>https://hooks.example/secret'), {
    as: 'failed',
    code: 'not-accepted',
    detail: 'HTTP 400',
  })
  assert.equal(outcomeOf({ ...attempt, kind: 'webhook' }, { status: 404, headers: {}, text: 'secret' }).as, 'failed')
  const limited = slack(429, 'rate_limited', { 'retry-after': '30.5' })
  assert.ok(limited.as === 'again' && limited.at === attempt.now + 30_500)
})

test('NT35 what is told on Slack has no marks of its own and calls nobody; the link is the hub’s', () => {
  const { text, blocks } = slackMessage({
    title: 'R&D <!channel>\n*x* @here',
    text: '<https://evil.example|Approve> me@example.org @channel',
    link: 'https://mesh.example/m/gates/g?a=1&b=2',
  })
  const words = text.slice(0, text.lastIndexOf('\n'))
  assert.ok(!/[<>]/.test(words) && !words.includes('@here') && !words.includes('@channel'), words)
  assert.ok(words.includes('R&amp;D &lt;!channel&gt; ') && words.includes('me@example.org'))
  assert.ok(text.endsWith('<https://mesh.example/m/gates/g?a=1&amp;b=2|Open in Meshbook>'))
  assert.equal(blocks.map(block => block.text.text).join('\n'), text)
})

test('NT32 a title is one line of a mail and nothing more; the longest words fit into its cap', () => {
  for (const title of ['a\r\nBcc: eve@example.org', 'a\u2028Bcc: x', 'a\u0000\u0085b'])
    assert.ok(!/[\r\n\u2028\u0085\0]/.test(subjectOf(title)), JSON.stringify(subjectOf(title)))
  assert.equal(subjectOf('\r\n'), 'Meshbook')
  const long = gateWords({ id: 'r' as never, path: 'x', deviceName: '🎈'.repeat(300) }, 'g' as never, '🎈'.repeat(900))
  const notice = { ...long, id: 'i', kind: 'gate' as const, tag: 't', madeAt: 1_800_000_000_000 }
  const none = { inside: false, p256dh: null, auth: null, topic: null, secret: null, sealed: null }
  const target = { ...none, id: 'w' as never, kind: 'email' as const, url: 'ada@example.org' }
  const mail = mailOf(
    { attempt: 1, until: 1, target, notice },
    { hubUrl: 'https://mesh.example', code: () => '12345678' },
  )
  assert.ok(
    mail.text.includes('https://mesh.example/m/gates/g\n') && Buffer.byteLength(mail.text) < limits.mailBytes / 4,
  )
  assert.deepEqual(['https://mesh.example:8443', 'http://192.168.1.2', 'http://[::1]:3005'].map(mailHost), [
    'mesh.example',
    '[192.168.1.2]',
    '[IPv6:::1]',
  ])
})

test('NT32 what is no plain address, or two, or has what begins a header, is not taken', () => {
  const good = ['ada@example.org', 'ada.b+c@mail.example.co', "o'neil@example.org"]
  const bad = [
    'ada',
    'ada@localhost',
    'a@b.example,c@d.example',
    'Ada <a@b.example>',
    '"a b"@c.example',
    'a@b.example\r\nX: y',
    'a@[127.0.0.1]',
    `a@${'x'.repeat(300)}.org`,
    'ä@b.example',
    '@b.example',
    'a\n@b.example',
    'a@b.example>',
  ]
  assert.deepEqual(
    good.map(text => v.is(mailAddressSchema, text)),
    good.map(() => true),
  )
  assert.deepEqual(
    bad.filter(text => v.is(mailAddressSchema, text)),
    [],
  )
  assert.deepEqual([shownAddress('ada@example.org'), shownAddress('a@b.example')], ['ad…@example.org', '…@b.example'])
  assert.equal(mailboxOf('Ada+1@Example.org'), 'ada@example.org')
  assert.deepEqual(parseMailParty('"Mesh" <m@b.example>'), { name: 'Mesh', address: 'm@b.example' })
  assert.equal(parseMailParty('Mesh <m@b.example>, x@y.example'), undefined)
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
