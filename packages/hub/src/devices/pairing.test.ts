import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { AuditEntry } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { digitsOf, readPairingCode, transcriptText } from '@meshbook/core/pairing.ts'
import type { Pairing, PairOutcome } from '@meshbook/core/pairing-api.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

interface Newcomer {
  device: TestDevice
  digits: string
  claim: string
  result(wait?: boolean): Promise<PairOutcome>
}

const post = (test: TestHub, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${test.hub.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

/** A new device shows the code; it works its digits out by itself. */
async function shows(test: TestHub, code: string, name = 'Laptop'): Promise<Newcomer> {
  const device = new TestDevice(name)
  const keys = await device.keys()
  const answer = await post(test, '/pair', { as: 'device', code, name, kind: 'desktop', ...keys })
  assert.equal(answer.status, 201, await answer.clone().text())
  const { pairing, claim } = (await answer.json()) as { pairing: string; claim: string }
  const text = transcriptText({ pairing, code: readPairingCode(code)!, ...keys })
  const result = async (wait = false): Promise<PairOutcome> =>
    (await post(test, '/pair/result', { claim, wait })).json() as Promise<PairOutcome>
  return { device, digits: digitsOf(createHash('sha256').update(text).digest()), claim, result }
}

const start = (test: TestHub) => test.json<Pairing>('POST', '/pairings')
const other = (digits: string) => String((Number(digits) + 1) % 100).padStart(2, '0')
const confirm = (test: TestHub, id: string, digits: string) => test.api('POST', `/pairings/${id}/confirm`, { digits })
const code = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code

test('PR1 PR4 a device is added once the digits that it shows are entered, and joins without a browser or a token', async t => {
  const test = await startTestHub(t)
  const pairing = await start(test)
  assert.match(pairing.url!, /^http:\/\/127\.0\.0\.1:\d+\/pair#v1\.[0-9A-Z]{8}$/)
  assert.equal(pairing.expiresAt - Date.now() > limits.pairingMs - 5_000, true)
  const waiting = test.json<Pairing>('GET', `/pairings/${pairing.id}?seen=waiting`)
  const laptop = await shows(test, pairing.code!)
  const claimed = await waiting
  assert.deepEqual([claimed.state, claimed.newcomer?.name], ['claimed', 'Laptop'])
  assert.ok(!JSON.stringify(claimed).includes(`"${laptop.digits}"`))
  assert.equal((await laptop.result()).state, 'claimed')
  assert.deepEqual((await test.json<{ items: object[] }>('GET', '/devices')).items, [])
  const told = laptop.result(true)
  assert.equal((await confirm(test, pairing.id, laptop.digits)).status, 200)
  assert.deepEqual(await told, { state: 'done', user: 'me', device: laptop.device.id })
  await laptop.device.join(t, test.hub, [])
})

test('PR2 a code works once: the second who shows it is told what to do', async t => {
  const test = await startTestHub(t)
  const pairing = await start(test)
  await shows(test, pairing.code!)
  const second = await post(test, '/pair', {
    as: 'device',
    code: pairing.code,
    name: 'Thief',
    kind: 'desktop',
    ...(await new TestDevice().keys()),
  })
  assert.deepEqual([second.status, await code(second)], [404, 'PAIRING_CODE'])
})

test('PR4 wrong digits add nothing, and the last try refuses the device', async t => {
  const test = await startTestHub(t)
  const pairing = await start(test)
  const laptop = await shows(test, pairing.code!)
  for (let tries = limits.pairingDigitTries - 1; tries > 0; tries--) {
    const wrong = await confirm(test, pairing.id, other(laptop.digits))
    assert.deepEqual([wrong.status, await code(wrong)], [409, 'PAIRING_DIGITS'])
  }
  const last = (await (await confirm(test, pairing.id, other(laptop.digits))).json()) as Pairing
  assert.equal(last.state, 'denied')
  assert.equal(((await (await confirm(test, pairing.id, laptop.digits)).json()) as Pairing).state, 'denied')
  assert.equal((await laptop.result()).state, 'denied')
  await assert.rejects(laptop.device.join(t, test.hub, []), /401/)
})

test('PR6 cancel, refusal and expiry end it on both sides', async t => {
  const test = await startTestHub(t)
  const one = await start(test)
  const first = await shows(test, one.code!)
  await test.json('DELETE', `/pairings/${one.id}`)
  assert.equal((await first.result()).state, 'cancelled')
  const two = await start(test)
  const second = await shows(test, two.code!)
  await test.json('DELETE', `/pairings/${two.id}?denied`)
  assert.equal((await second.result()).state, 'denied')
  const three = await start(test)
  const third = await shows(test, three.code!)
  test.clock.offsetMs += limits.pairingMs
  assert.equal((await third.result()).state, 'expired')
  assert.equal((await test.json<Pairing>('GET', `/pairings/${three.id}`)).state, 'expired')
  assert.equal(((await (await confirm(test, three.id, third.digits)).json()) as Pairing).state, 'expired')
  const four = await start(test)
  test.clock.offsetMs += limits.pairingMs
  const late = await post(test, '/pair', { as: 'browser', code: four.code, publicKey: 'a'.repeat(43), name: 'x' })
  assert.equal(await code(late), 'PAIRING_CODE')
})

test('PR7 a browser that is confirmed is signed in, once, and becomes no device', async t => {
  const test = await startTestHub(t)
  const pairing = await start(test)
  const publicKey = randomBytes(32).toString('base64url')
  const answer = await post(test, '/pair', { as: 'browser', code: pairing.code, publicKey, name: 'Phone' })
  const { claim } = (await answer.json()) as { claim: string }
  assert.equal((await post(test, '/pair/result', { claim })).headers.get('set-cookie'), null)
  const text = transcriptText({ pairing: pairing.id, code: readPairingCode(pairing.code!)!, publicKey, sealKey: '' })
  const digits = digitsOf(createHash('sha256').update(text).digest())
  assert.equal((await confirm(test, pairing.id, digits)).status, 200)
  const done = await post(test, '/pair/result', { claim })
  const cookie = done.headers.get('set-cookie')!.split(';')[0]!
  assert.equal((await fetch(`${test.hub.url}/api/v1/me`, { headers: { cookie } })).status, 200)
  assert.equal((await post(test, '/pair/result', { claim })).headers.get('set-cookie'), null)
  assert.deepEqual((await test.json<{ items: object[] }>('GET', '/devices')).items, [])
})

test('PR5 keys that do not belong together are refused, and so is a key that was shut out', async t => {
  const test = await startTestHub(t)
  const pairing = await start(test)
  const [one, two] = [new TestDevice(), new TestDevice()]
  const mixed = { ...(await one.keys()), sealProof: (await two.keys()).sealProof }
  const refused = await post(test, '/pair', { as: 'device', code: pairing.code, name: 'x', kind: 'desktop', ...mixed })
  assert.equal(await code(refused), 'BAD_REQUEST')
  const laptop = await shows(test, pairing.code!)
  await confirm(test, pairing.id, laptop.digits)
  await test.json('DELETE', `/devices/${laptop.device.id}`)
  const again = await start(test)
  const keys = await laptop.device.keys()
  const back = await post(test, '/pair', { as: 'device', code: again.code, name: 'x', kind: 'desktop', ...keys })
  const { pairing: id } = (await back.json()) as { pairing: string }
  const text = transcriptText({ pairing: id, code: readPairingCode(again.code!)!, ...keys })
  const digits = digitsOf(createHash('sha256').update(text).digest())
  assert.equal(await code(await confirm(test, id, digits)), 'REVOKED')
})

async function guesses(t: TestContext, count: number): Promise<{ statuses: Map<number, number>; test: TestHub }> {
  const test = await startTestHub(t)
  await start(test)
  const statuses = new Map<number, number>()
  const publicKey = 'a'.repeat(43)
  for (let i = 0; i < count; i++) {
    const guess = String(10_000_000 + i)
    const { status } = await post(test, '/pair', { as: 'browser', code: guess, publicKey, name: 'x' })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  return { statuses, test }
}

test('S23 PR3 guesses are refused after a few tries', async t => {
  const { statuses } = await guesses(t, 60)
  assert.equal(statuses.get(201), undefined)
  // Two windows of a minute, should the test cross from one into the next.
  assert.ok((statuses.get(404) ?? 0) <= 2 * limits.pairingTriesPerMinute)
  assert.ok((statuses.get(429) ?? 0) >= 50)
})

test('S7 no code and no claim is found in the database or the log', async t => {
  const test = await startTestHub(t)
  const pairing = await start(test)
  const laptop = await shows(test, pairing.code!)
  await laptop.result()
  const { readFile, readdir } = await import('node:fs/promises')
  const texts = [...test.logged]
  for (const name of await readdir(test.folder))
    if (name.startsWith('hub.db')) texts.push(await readFile(`${test.folder}/${name}`, 'latin1'))
  for (const secret of [pairing.code!, readPairingCode(pairing.code!)!, laptop.claim])
    assert.ok(!texts.some(text => text.includes(secret)), secret)
})

test('AD1 AD4 a device that is added by a code is noted once, a refused one too, and no code or digits are', async t => {
  const test = await startTestHub(t)
  const [good, bad, denied] = [await start(test), await start(test), await start(test)]
  const laptop = await shows(test, good.code!)
  for (let i = 0; i < 2; i++) await confirm(test, good.id, laptop.digits)
  const thief = await shows(test, bad.code!, 'Thief')
  for (let i = 0; i < limits.pairingDigitTries + 1; i++) await confirm(test, bad.id, other(thief.digits))
  await shows(test, denied.code!, 'Other')
  for (let i = 0; i < 2; i++) await test.api('DELETE', `/pairings/${denied.id}?denied`)
  const { items } = await test.json<{ items: AuditEntry[] }>('GET', '/audit')
  assert.deepEqual(items.map(({ action, name, target, detail }) => [action, name, target, detail.name]).reverse(), [
    ['device-added', 'me', laptop.device.id, 'Laptop'],
    ['pairing-denied', 'me', thief.device.id, 'Thief'],
    ['pairing-denied', 'me', null, 'Other'],
  ])
  for (const secret of [good.code!, laptop.claim]) assert.ok(!JSON.stringify(items).includes(secret))
})
