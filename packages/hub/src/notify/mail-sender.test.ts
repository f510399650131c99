import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type MailServerOptions, startMailServer } from '../../../../tests/mail-server.ts'
import { parseHubConfig } from '../config.ts'
import { atEnd } from '../testing/at-end.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { makeAuthority, makeCertificate } from '../tls/certificates.ts'
import type { Mail } from './mail.ts'
import { type MailAnswer, openMail } from './mail-sender.ts'

const hubUrl = 'https://mesh.example'
const never = new AbortController().signal
const user = { name: 'hub', password: 'hunter2-canary' }
const signIn = { MESHBOOK_SMTP_USER: user.name, MESHBOOK_SMTP_PASSWORD: user.password }
const mail: Mail = {
  to: 'ada@example.org',
  subject: 'train.md finished',
  text: 'It finished.\n',
  messageId: '<n.w@mesh.example>',
  thread: '<t.w@mesh.example>',
  date: new Date(1_800_000_000_000),
}

/** A certificate for this machine, and its authority as a file. */
async function certified(t: TestContext, name = '127.0.0.1') {
  const clock = { now: Date.now(), random: systemRandom }
  const permitted = { names: ['mail.example', 'localhost'], networks: ['127.0.0.0/8'] }
  const authority = makeAuthority('a test', permitted, clock)
  const { certificate, key } = makeCertificate([name], authority, clock)
  const caFile = join(await temporaryFolder(t), 'ca.pem')
  await writeFile(caFile, authority.certificate.toString())
  const pem = { cert: certificate.toString(), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() }
  return { pem, trusted: { MESHBOOK_SMTP_CA_FILE: caFile } }
}

const teardown = (t: TestContext) => ({ after: (undo: () => unknown) => atEnd(t, undo) })

async function scene(t: TestContext, options: MailServerOptions, env: NodeJS.ProcessEnv, mailMs = 5_000) {
  const server = await startMailServer(teardown(t), options)
  const scheme = options.tls?.first ? 'smtps' : 'smtp'
  const settings = {
    MESHBOOK_SMTP_URL: `${scheme}://127.0.0.1:${server.port}`,
    MESHBOOK_SMTP_FROM: 'Meshbook <mesh@example.org>',
  }
  const config = parseHubConfig({ ...settings, ...env })
  const sender = await openMail(config.mail, { ...limits, mailMs })
  return {
    server,
    send: (more: Partial<Mail> = {}, signal = never): Promise<MailAnswer> =>
      sender!.send({ ...mail, ...more }, hubUrl, signal),
  }
}

test('NT30 mail goes by STARTTLS, or TLS from the first byte, after signing in, with a certificate that is checked', async t => {
  const { pem, trusted } = await certified(t)
  for (const first of [false, true]) {
    const { server, send } = await scene(t, { user, tls: { ...pem, first } }, { ...trusted, ...signIn })
    assert.deepEqual(await send(), { as: 'taken' })
    const [received] = server.received
    assert.deepEqual([received!.isEncrypted, received!.user, received!.to], [true, 'hub', ['ada@example.org']])
    assert.deepEqual(
      [received!.from, received!.subject, received!.text],
      ['mesh@example.org', 'train.md finished', 'It finished.\n'],
    )
  }
})

test('NT30 NT33 without TLS, or with a certificate that nobody vouches for or of another name, nothing is sent', async t => {
  const { pem, trusted } = await certified(t)
  const other = await certified(t, 'mail.example')
  const cases: [MailServerOptions, NodeJS.ProcessEnv][] = [
    [{ user }, signIn],
    [{ user, tls: pem }, signIn],
    [{ user, tls: { ...pem, first: true } }, signIn],
    [
      { user, tls: other.pem },
      { ...signIn, ...other.trusted },
    ],
  ]
  for (const [options, env] of cases) {
    const { server, send } = await scene(t, options, env)
    const answer = await send()
    assert.equal(answer.as, 'unsafe', JSON.stringify(answer))
    assert.deepEqual(server.received, [])
  }
  const plain = await scene(t, {}, { MESHBOOK_SMTP_TLS: 'off' })
  assert.deepEqual(await plain.send(), { as: 'taken' })
  assert.equal(plain.server.received[0]!.isEncrypted, false)
  assert.ok(trusted.MESHBOOK_SMTP_CA_FILE)
})

test('NT33 a wrong password is the operator’s to mend, and stands in no answer, whatever the server says', async t => {
  const { pem, trusted } = await certified(t)
  const { send } = await scene(t, { user: { ...user, password: 'other' }, tls: pem }, { ...trusted, ...signIn })
  assert.deepEqual(await send(), { as: 'sign-in', status: 535 })
})

test('NT33 what the server refuses is told with its words, without the address; it is asked once', async t => {
  const { server, send } = await scene(t, {}, { MESHBOOK_SMTP_TLS: 'off' })
  server.troubles.push({ at: 'recipient', status: 550, text: '5.1.1 <Ada@example.org>: no such user' })
  assert.deepEqual(await send(), { as: 'refused', status: 550, text: '550 5.1.1 <the address>: no such user' })
  server.troubles.push({ at: 'data', status: 451, text: '4.7.1 try later' })
  assert.deepEqual(await send(), { as: 'refused', status: 451, text: '451 4.7.1 try later' })
  server.troubles.push({ at: 'data', status: 554, text: `no ${'x'.repeat(2_000)}` })
  const long = await send()
  assert.ok(long.as === 'refused' && long.text.length === limits.mailAnswerChars)
  assert.deepEqual([server.connections, server.received.length], [3, 0])
})

test('NT33 a server that is slow, silent, gone or no mail server ends at the deadline or at once, and the hub may stop meanwhile', async t => {
  const { server, send } = await scene(t, {}, { MESHBOOK_SMTP_TLS: 'off' }, 300)
  server.troubles.push('silence')
  const begun = performance.now()
  await assert.rejects(send(), { code: 'TIMEOUT' })
  assert.ok(performance.now() - begun < 2_500)
  const stop = new AbortController()
  server.troubles.push('silence')
  setTimeout(() => stop.abort(), 50)
  await assert.rejects(send({}, stop.signal), { code: 'UNREACHABLE' })
  await assert.rejects(send({}, AbortSignal.abort()), { code: 'UNREACHABLE' })

  const mute = createServer(socket => void socket.on('error', () => undefined).resume())
  const babble = createServer(socket => {
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  for (const [server, code] of [
    [mute, 'TIMEOUT'],
    [babble, 'UNREACHABLE'],
  ] as const) {
    atEnd(t, () => server.close())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const env = {
      MESHBOOK_SMTP_URL: `smtp://127.0.0.1:${port}`,
      MESHBOOK_SMTP_FROM: 'a@b.example',
      MESHBOOK_SMTP_TLS: 'off',
    }
    const sender = await openMail(parseHubConfig(env).mail, { ...limits, mailMs: 300 })
    await assert.rejects(sender!.send(mail, hubUrl, never), { code })
  }
  const env = { MESHBOOK_SMTP_URL: 'smtp://127.0.0.1:1', MESHBOOK_SMTP_FROM: 'a@b.example' }
  const gone = await openMail(parseHubConfig(env).mail, limits)
  await assert.rejects(gone!.send(mail, hubUrl, never), { code: 'UNREACHABLE', detail: '127.0.0.1: ECONNREFUSED' })
})

test('NT32 a mail has one recipient and the headers that the hub gave it, whatever the words are, and a cap', async t => {
  const { server, send } = await scene(t, {}, { MESHBOOK_SMTP_TLS: 'off' })
  const evil = 'Hi\r\nBcc: eve@example.org\r\n\r\nbody'
  await send({ subject: evil, text: `.\r\nQUIT\r\n${evil} Grüße 🎈 ${'long '.repeat(300)}\n` })
  const [received] = server.received
  assert.deepEqual(Object.keys(received!.headers).sort(), [
    'auto-submitted',
    'content-transfer-encoding',
    'content-type',
    'date',
    'from',
    'in-reply-to',
    'message-id',
    'mime-version',
    'references',
    'subject',
    'to',
    'x-auto-response-suppress',
  ])
  assert.deepEqual([received!.to, received!.headers.to], [['ada@example.org'], 'ada@example.org'])
  assert.match(received!.text, /^\.\nQUIT\nHi\nBcc: eve@example\.org\n\nbody Grüße 🎈 /)
  assert.deepEqual([received!.headers['message-id'], received!.headers.references], [mail.messageId, mail.thread])
  assert.deepEqual(
    [received!.headers.from, received!.headers['auto-submitted']],
    ['Meshbook <mesh@example.org>', 'auto-generated'],
  )
  await send({ to: 'ada@example.org', subject: 'Grüße 🎈' })
  assert.equal(server.received[1]!.subject, 'Grüße 🎈')
  await assert.rejects(send({ text: 'x'.repeat(limits.mailBytes) }), { code: 'TOO_LARGE' })
})
