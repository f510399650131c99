import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { MadeWay, MailOffer, Way, WayTest } from '@meshbook/core/notify-api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { type MailServer, type ReceivedMail, startMailServer } from '../../../../tests/mail-server.ts'
import { startSlack } from '../../../../tests/notify-servers.ts'
import { parseHubConfig } from '../config.ts'
import { startHub } from '../hub.ts'
import { newLog } from '../log.ts'
import { atEnd } from '../testing/at-end.ts'
import { started, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestUser } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

interface Asking {
  json: TestHub['json']
  api(method: string, path: string, body?: unknown): Promise<Response>
}

interface Scene extends TestHub {
  mail: MailServer
  /** A gate that waits for its owner. */
  gate(title: string): Promise<string>
  ways(who?: Asking): Promise<Way[]>
  refused(method: string, path: string, body?: unknown, who?: Asking): Promise<[number, string | undefined]>
  /** The next mail with this subject. */
  mailed(subject: RegExp): Promise<ReceivedMail>
  add(address: string, who?: Asking): Promise<MadeWay>
  confirmed(address: string): Promise<Way>
  quiet(): Promise<void>
}

const lookMs = 40
const user = { name: 'hub', password: 'hunter2-canary' }
const codeOf = ({ text }: ReceivedMail): string => /\d{4} \d{4}/.exec(text)![0]
const teardown = (t: TestContext) => ({ after: (undo: () => unknown) => atEnd(t, undo) })

async function scene(t: TestContext, limits: Partial<Limits> = {}): Promise<Scene> {
  const mail = await startMailServer(teardown(t), { user })
  const env = {
    ...{ MESHBOOK_SMTP_URL: `smtp://127.0.0.1:${mail.port}`, MESHBOOK_SMTP_TLS: 'off', MESHBOOK_SMTP_USER: user.name },
    ...{ MESHBOOK_SMTP_PASSWORD: user.password, MESHBOOK_SMTP_FROM: 'Meshbook <mesh@example.org>' },
  }
  const base = await startTestHub(t, { env, limits: { noticeLookMs: lookMs, ...limits } })
  const desk = new TestDevice()
  desk.clock = base.clock
  await base.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, base.hub, [base.project.id])
  const { id: document } = await base.document('work/train.md', '# A\n')
  let runs = 0
  const run = async (): Promise<Lease> => {
    const id = `run-${++runs}`
    await base.json('POST', '/runs', { id, session: id, document, language: 'python', code: `${runs}` })
    return (await desk.next('LEASE', ({ lease }) => lease.session !== undefined && lease.code === `${runs}`)).lease
  }
  const own: Scene = Object.assign(base, {
    mail,
    async gate(title: string) {
      const at = Date.now() + base.clock.offsetMs
      const gate = newId('gate', at, systemRandom)
      const opened: RunEvent = {
        ...{
          type: 'gate-opened',
          at,
          gate,
          nonce: 'n'.repeat(32),
          title,
          shown: 'rm -rf /',
          expiresAt: at + 86_400_000,
        },
      }
      await desk.emit(await run(), 1, [started, opened])
      return gate
    },
    ways: async (who: Asking = base) => (await who.json<{ items: Way[] }>('GET', '/push/ways')).items,
    async refused(
      method: string,
      path: string,
      body?: unknown,
      who: Asking = base,
    ): Promise<[number, string | undefined]> {
      const answer = await who.api(method, path, body)
      return [answer.status, ((await answer.json()) as { code?: string }).code]
    },
    async mailed(subject: RegExp) {
      await until(() => mail.received.some(one => subject.test(one.subject)))
      const at = mail.received.findIndex(one => subject.test(one.subject))
      return mail.received.splice(at, 1)[0]!
    },
    add: (address: string, who: Asking = base) => who.json<MadeWay>('POST', '/push/ways', { kind: 'email', address }),
    async confirmed(address: string) {
      const { id } = await own.add(address)
      const code = codeOf(await own.mailed(/^Your code/))
      return base.json<Way>('POST', `/push/ways/${id}/confirm`, { code })
    },
    quiet: () => new Promise<void>(resolve => setTimeout(resolve, 6 * lookMs + 150)),
  })
  return own
}

/** Everything that the hub has on disk, but the key that seals. */
async function onDisk(folder: string): Promise<string> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = found.filter(entry => entry.isFile() && entry.name !== 'master.key')
  return (await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')))).join('\n')
}

test('NT31 an address gets a code and nothing else until its user has typed it; then it is told, with a link', async t => {
  const s = await scene(t)
  assert.deepEqual(await s.json<MailOffer>('GET', '/push/mail'), { works: true, from: 'mesh@example.org' })
  const way = await s.add('Ada.Canary@example.org')
  assert.deepEqual([way.kind, way.host, way.shown], ['email', 'example.org', 'Ad…@example.org'])
  assert.ok(way.codeUntil! > Date.now())
  const mail = await s.mailed(/^Your code/)
  assert.deepEqual([mail.to, mail.user], [['Ada.Canary@example.org'], 'hub'])
  await s.gate('Too early?')
  assert.deepEqual(await s.refused('POST', `/push/ways/${way.id}/test`), [400, 'BAD_REQUEST'])
  await s.quiet()
  assert.deepEqual(s.mail.received, [])

  const wrong = { code: codeOf(mail).startsWith('0') ? '1111 1111' : '0000 0000' }
  const right = { code: codeOf(mail) }
  const path = `/push/ways/${way.id}/confirm`
  assert.deepEqual(await s.refused('POST', path, wrong), [400, 'BAD_REQUEST'])
  const done = await s.json<Way>('POST', path, right)
  assert.equal(done.codeUntil, null)
  assert.equal((await s.json<Way>('POST', path, wrong)).codeUntil, null, 'said again it changes nothing')
  assert.equal((await s.json<WayTest>('POST', `/push/ways/${way.id}/test`)).station, 'accepted')
  await s.mailed(/^Meshbook reaches you$/)

  const gate = await s.gate('Send: Bcc: eve@example.org?')
  const told = await s.mailed(/^Send/)
  assert.deepEqual(told.to, ['Ada.Canary@example.org'])
  assert.equal(told.headers.bcc, undefined)
  assert.ok(told.text.includes(`${s.hub.url}/m/gates/${gate}\n`), told.text)
  assert.ok(!told.raw.includes('rm -rf'), 'what is decided about is read in the app')
  const { digest, nonce } = await s.json<{ digest: string; nonce: string }>('GET', `/gates/${gate}`)
  await s.json('POST', `/gates/${gate}/decide`, { decision: 'approved', digest, nonce })
  const over = await s.mailed(/^Send/)
  assert.equal(over.headers.references, told.headers.references)
  assert.notEqual(over.headers['message-id'], told.headers['message-id'])
  assert.match(over.text, /Approved by me\./)

  const { items } = await s.json<{ items: { action: string }[] }>('GET', '/audit')
  assert.ok(items.some(({ action }) => action === 'way-confirmed'))
  const seen = [await onDisk(s.folder), ...s.logged, JSON.stringify(await s.ways()), JSON.stringify(items)].join('\n')
  for (const secret of [user.password, 'Ada.Canary', 'ada.canary', right.code, right.code.replace(' ', '')])
    assert.ok(!seen.includes(secret), secret)
})

test('NT31 a code is good for few tries and a while, and the next one voids it; one of another way or user is none', async t => {
  const s = await scene(t)
  const { id } = await s.add('ada@example.org')
  const path = `/push/ways/${id}/confirm`
  const first = codeOf(await s.mailed(/^Your code/))
  const off = String((Number(first.replace(' ', '')) + 1) % 100_000_000).padStart(8, '0')
  for (let n = 0; n < 5; n++) assert.equal((await s.refused('POST', path, { code: off }))[1], 'BAD_REQUEST')
  assert.equal((await s.refused('POST', path, { code: first }))[1], 'BAD_REQUEST', 'tried too often')
  await s.json('POST', `/push/ways/${id}/code`)
  const second = codeOf(await s.mailed(/^Your code/))
  assert.notEqual(second, first)
  assert.equal((await s.refused('POST', path, { code: first }))[1], 'BAD_REQUEST', 'the one before is void')
  s.clock.offsetMs += 3_700_000
  assert.equal((await s.refused('POST', path, { code: second }))[1], 'BAD_REQUEST', 'too old')
  const eve = await addTestUser(s, 'eve')
  for (const more of ['confirm', 'code'])
    assert.equal((await s.refused('POST', `/push/ways/${id}/${more}`, { code: second }, eve))[0], 404)
  assert.deepEqual(await s.refused('POST', path, { code: '12' }), [400, 'BAD_REQUEST'])
  await s.json('POST', `/push/ways/${id}/code`)
  const { code } = { code: codeOf(await s.mailed(/^Your code/)) }
  await s.restart()
  assert.equal((await s.json<Way>('POST', path, { code })).codeUntil, null, 'a restart changes nothing')
})

test('NT31 nobody is flooded: few codes a day go to one mailbox for all users together, whatever is removed or restarted', async t => {
  const s = await scene(t)
  const eve = await addTestUser(s, 'eve')
  const first = await s.add('victim@example.org')
  await s.json('DELETE', `/push/ways/${first.id}`)
  await s.add('Victim+1@example.org', eve)
  await s.restart()
  await s.add('victim@Example.org')
  for (const who of [s, eve])
    assert.deepEqual(await s.refused('POST', '/push/ways', { kind: 'email', address: 'victim+x@example.org' }, who), [
      429,
      'SLOW_DOWN',
    ])
  await s.quiet()
  assert.equal(s.mail.received.length, 3)
  for (let n = 0; n < 8; n++) await s.add(`other${n}@example.org`)
  assert.equal((await s.refused('POST', '/push/ways', { kind: 'email', address: 'more@example.org' }))[1], 'SLOW_DOWN')
  s.clock.offsetMs += 86_400_000
  await s.add('victim@example.org', eve)
})

test('NT31 NT33 a code that the server puts off is tried again; one that it refuses stands at the way', async t => {
  const s = await scene(t)
  s.mail.troubles.push({ at: 'recipient', status: 451, text: '4.7.1 greylisted' })
  const { failure } = await s.add('ada@example.org')
  assert.deepEqual([failure?.code, failure?.detail], ['server-error', 'SMTP 451 4.7.1 greylisted'])
  s.clock.offsetMs += 30_000
  await s.mailed(/^Your code/)
  s.mail.troubles.push({ at: 'recipient', status: 550, text: '5.1.1 <nobody@example.org> is not here' })
  const gone = await s.add('nobody@example.org')
  assert.deepEqual(
    [gone.failure?.code, gone.failure?.detail],
    ['not-accepted', 'SMTP 550 5.1.1 <the address> is not here'],
  )
})

test('NT33 a mail that is put off comes once, over a restart; a refusal ends it and says why', async t => {
  const s = await scene(t)
  const { id } = await s.confirmed('ada@example.org')
  const failure = async () => (await s.ways()).find(way => way.id === id)!.failure
  s.mail.troubles.push({ at: 'data', status: 554, text: '5.7.1 spam' })
  await s.gate('One?')
  await until(async () => (await failure())?.code === 'not-accepted')
  assert.equal((await failure())!.detail, 'SMTP 554 5.7.1 spam')
  s.mail.troubles.push({ at: 'data', status: 452, text: '4.3.1 full' })
  await s.gate('Two?')
  await until(async () => (await failure())?.code === 'server-error')
  await s.restart()
  s.clock.offsetMs += 60_000
  await s.mailed(/^Two\?$/)
  await until(async () => (await failure()) === null)
  const tries = s.mail.connections
  s.clock.offsetMs += 3_600_000
  await s.quiet()
  assert.deepEqual([s.mail.connections, s.mail.received], [tries, []])
})

test('NT30 where the operator named no server nobody can add an address, and one that was there says so', async t => {
  const s = await startTestHub(t)
  assert.deepEqual(await s.json<MailOffer>('GET', '/push/mail'), { works: false, from: null })
  const answer = await s.api('POST', '/push/ways', { kind: 'email', address: 'ada@example.org' })
  assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [422, 'MAIL_OFF'])
})

test('NT35 NT16 Slack is told with a link; its limits are kept; its address is shown in part, sealed, and logged nowhere', async t => {
  const s = await scene(t)
  const slack = await startSlack(teardown(t))
  const url = `${slack.origin}/services/T00000000/B00000000/${'canary'.repeat(5)}`
  const way = await s.json<MadeWay>('POST', '/push/ways', { kind: 'slack', url })
  const host = new URL(slack.origin).host
  assert.deepEqual([way.name, way.host, way.shown, way.secret], ['Slack', host, `${host}/…nary`, undefined])
  slack.answers.push({ status: 429, headers: { 'retry-after': '90' }, text: 'rate_limited' })
  const gate = await s.gate('Delete <all> & more @channel?')
  await until(async () => (await s.ways())[0]?.failure?.code === 'slow-down')
  s.clock.offsetMs += 80_000
  await s.quiet()
  assert.equal(slack.told.length, 0)
  s.clock.offsetMs += 15_000
  await until(() => slack.told.length === 1)
  const text = String(slack.told[0]!.body.text)
  assert.ok(text.includes(`<${s.hub.url}/m/gates/${gate}|Open in Meshbook>`), text)
  assert.ok(text.startsWith('*Delete &lt;all&gt; &amp; more @\u200bchannel?*\n'), text)
  slack.answers.push({ status: 404, text: 'channel_not_found' })
  const tested = await s.json<WayTest>('POST', `/push/ways/${way.id}/test`)
  assert.deepEqual([tested.failure?.code, tested.failure?.detail], ['not-accepted', 'HTTP 404 channel_not_found'])
  const eve = await addTestUser(s, 'eve')
  assert.equal((await s.refused('POST', '/push/ways', { kind: 'slack', url }, eve))[1], 'OUTGOING_REFUSED')
  assert.equal(
    (await s.refused('POST', '/push/ways', { kind: 'slack', url: 'http://1.1.1.1/x' }, eve))[1],
    'BAD_REQUEST',
  )
  const audited = JSON.stringify(await s.json('GET', '/audit'))
  const seen = [await onDisk(s.folder), ...s.logged, JSON.stringify(await s.ways()), audited].join('\n')
  assert.ok(!seen.includes('canary') && !seen.includes('B00000000'))
  assert.deepEqual(slack.wrongs, [])
})

test('NT16 VA20 ways that were stored in the open are sealed at the next start, and sealed again with a new master key', async t => {
  const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
  const s = await startTestHub(t, { env: { MESHBOOK_MASTER_KEY: first } })
  const slack = await startSlack(teardown(t))
  const { id } = await s.json<MadeWay>('POST', '/push/ways', {
    kind: 'slack',
    url: `${slack.origin}/${'s'.repeat(60)}`,
  })
  const again = async (
    env: NodeJS.ProcessEnv,
    meanwhile: (db: DatabaseSync) => void = () => undefined,
  ): Promise<void> => {
    await s.hub.close()
    const db = new DatabaseSync(join(s.folder, 'hub.db'))
    meanwhile(db)
    db.close()
    const config = parseHubConfig(env, { port: 0, data: s.folder })
    s.hub = await startHub(config, { now: Date.now, random: systemRandom, log: newLog('silent') })
    s.token = await s.hub.commandLineToken()
  }
  const station = async () => {
    const { station, failure } = await s.json<WayTest>('POST', `/push/ways/${id}/test`)
    return failure?.code ?? station
  }
  const open = `UPDATE ways SET sealed = NULL, url = '${slack.origin}/stored-in-the-open'`
  await again({ MESHBOOK_MASTER_KEY: first }, db => db.exec(open))
  assert.equal(await station(), 'accepted')
  await again({ MESHBOOK_MASTER_KEY: second }, db => {
    const row = db.prepare('SELECT url, sealed FROM ways').get() as { url: string; sealed: string }
    assert.ok(row.url === slack.origin && row.sealed.length > 40)
  })
  assert.equal(await station(), 'sealed')
  await again({ MESHBOOK_MASTER_KEY: second, MESHBOOK_MASTER_KEY_OLD: first })
  assert.equal(await station(), 'accepted')
  await again({ MESHBOOK_MASTER_KEY: second })
  assert.equal(await station(), 'accepted')
})
