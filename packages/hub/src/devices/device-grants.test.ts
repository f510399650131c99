import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { joinProofText } from '@meshbook/core/pairing.ts'
import type { DeviceRequest } from '@meshbook/core/pairing-api.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:device_code'
type Json = Record<string, unknown>

async function form(test: TestHub, path: string, fields: Record<string, string> | [string, string][]) {
  const response = await fetch(`${test.hub.url}/api/v1${path}`, { method: 'POST', body: new URLSearchParams(fields) })
  return { status: response.status, body: (await response.json()) as Json, headers: response.headers }
}

async function asks(test: TestHub, device = new TestDevice()) {
  const { publicKey, sealKey, sealProof } = await device.keys()
  const keys = { public_key: publicKey, seal_key: sealKey, seal_proof: sealProof }
  const fields = { client_id: 'meshbook', name: 'Rack', kind: 'server', ...keys }
  const { status, body } = await form(test, '/auth/device', fields)
  assert.equal(status, 200, JSON.stringify(body))
  const poll = () =>
    form(test, '/auth/device/token', {
      client_id: 'meshbook',
      grant_type: grantType,
      device_code: String(body.device_code),
    })
  return { device, body, poll, userCode: String(body.user_code), fields }
}

test('DG1 the answer has the members of RFC 8628, and the code stands behind the # of the complete address', async t => {
  const test = await startTestHub(t)
  const { body } = await asks(test)
  assert.deepEqual(Object.keys(body).sort(), [
    'device_code',
    'expires_in',
    'interval',
    'user_code',
    'verification_uri',
    'verification_uri_complete',
  ])
  assert.equal(body.verification_uri, `${test.hub.url}/pair`)
  assert.equal(body.verification_uri_complete, `${test.hub.url}/pair#d1.${String(body.user_code).replace('-', '')}`)
  assert.deepEqual([body.expires_in, body.interval], [600, 5])
})

test('DG2 a device waits, is approved by name and fingerprint, gets its token once and joins', async t => {
  const test = await startTestHub(t)
  const { device, poll, userCode } = await asks(test)
  assert.deepEqual((await poll()).body, { error: 'authorization_pending' })
  const request = await test.json<DeviceRequest>('POST', '/auth/device/find', { userCode })
  const digest = createHash('sha256').update(Buffer.from(device.publicKey, 'base64url')).digest('hex')
  assert.deepEqual(
    [request.name, request.kind, request.fingerprint.replaceAll(' ', '')],
    ['Rack', 'server', digest.slice(0, 16)],
  )
  await test.json('POST', '/auth/device/decide', { userCode, approve: true })
  const { status, body, headers } = await poll()
  assert.deepEqual([status, body.token_type, body.device], [200, 'Bearer', device.id])
  assert.equal(headers.get('cache-control'), 'no-store')
  const bearer = { authorization: `Bearer ${String(body.access_token)}` }
  assert.equal((await test.api('GET', '/me', undefined, bearer)).status, 200)
  assert.deepEqual((await poll()).body, { error: 'invalid_grant' })
  await device.join(t, test.hub, [])
  await test.json('DELETE', `/devices/${device.id}`)
  assert.equal((await test.api('GET', '/me', undefined, bearer)).status, 401)
})

test('DG3 who asks too fast is slowed down by five seconds each time; refusal and expiry have their names', async t => {
  const test = await startTestHub(t)
  const { poll, userCode } = await asks(test)
  assert.equal((await poll()).body.error, 'authorization_pending')
  assert.deepEqual(await poll().then(({ status, body }) => [status, body.error]), [400, 'slow_down'])
  test.clock.offsetMs += 6_000
  assert.equal((await poll()).body.error, 'slow_down')
  test.clock.offsetMs += 16_000
  assert.equal((await poll()).body.error, 'authorization_pending')
  await test.json('POST', '/auth/device/decide', { userCode, approve: false })
  assert.equal((await poll()).body.error, 'access_denied')
  const late = await asks(test)
  test.clock.offsetMs += limits.deviceGrantMs
  assert.equal((await late.poll()).body.error, 'expired_token')
  assert.equal((await test.api('POST', '/auth/device/find', { userCode: late.userCode })).status, 404)
})

test('DG4 wrong requests are refused in the words of RFC 6749', async t => {
  const test = await startTestHub(t)
  const { fields } = await asks(test)
  const error = async (path: string, body: Record<string, string> | [string, string][]) => {
    const answer = await form(test, path, body)
    return [answer.status, answer.body.error]
  }
  assert.deepEqual(await error('/auth/device', { ...fields, client_id: 'other' }), [401, 'invalid_client'])
  assert.deepEqual(await error('/auth/device', { ...fields, public_key: 'x' }), [400, 'invalid_request'])
  assert.deepEqual(await error('/auth/device', [...Object.entries(fields), ['name', 'two']]), [400, 'invalid_request'])
  const stranger = await new TestDevice().keys()
  assert.deepEqual(await error('/auth/device', { ...fields, public_key: stranger.publicKey }), [400, 'invalid_request'])
  const token = (body: Record<string, string>) => error('/auth/device/token', { client_id: 'meshbook', ...body })
  assert.deepEqual(await token({}), [400, 'invalid_request'])
  assert.deepEqual(await token({ grant_type: 'password' }), [400, 'unsupported_grant_type'])
  assert.deepEqual(await token({ grant_type: grantType, device_code: 'guess' }), [400, 'invalid_grant'])
  assert.deepEqual(await token({ grant_type: grantType }), [400, 'invalid_request'])
})

async function redirected(test: TestHub, changes: Json = {}) {
  const device = new TestDevice('Laptop')
  const verifier = randomBytes(32).toString('base64url')
  const redirectUri = 'http://127.0.0.1:4711/paired'
  const body = {
    ...(await device.keys()),
    name: 'Laptop',
    kind: 'desktop',
    redirectUri,
    state: 's'.repeat(20),
    codeChallenge: createHash('sha256').update(verifier).digest('base64url'),
    ...changes,
  }
  const response = await test.api('POST', '/auth/device/authorize', body)
  const answer = (await response.json()) as { redirect: string }
  const code = response.ok ? (new URL(answer.redirect).searchParams.get('code') ?? '') : ''
  const redeem = (shown: Record<string, string> = {}) =>
    form(test, '/auth/device/token', {
      client_id: 'meshbook',
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      proof: device.sign(joinProofText(new URL(test.hub.url).host, code, verifier)),
      ...shown,
    })
  return { device, status: response.status, redirect: answer.redirect, code, redeem }
}

test('LR1 the code of a redirect adds the device that shows the verifier and its key, once', async t => {
  const test = await startTestHub(t)
  const { device, redirect, redeem } = await redirected(test)
  assert.match(redirect, /^http:\/\/127\.0\.0\.1:4711\/paired\?code=[\w-]{43}&state=s{20}$/)
  assert.deepEqual((await test.json<{ items: object[] }>('GET', '/devices')).items, [])
  const { status, body } = await redeem()
  assert.deepEqual([status, body.device], [200, device.id])
  assert.equal((await redeem()).body.error, 'invalid_grant')
  await device.join(t, test.hub, [])
  const { items } = await test.json<{ items: { action: string; name: string; target: string }[] }>('GET', '/audit')
  assert.deepEqual(
    items.map(({ action, name, target }) => [action, name, target]),
    [['device-added', 'me', device.id]],
  )
})

test('LR2 a stolen code is of no use, is used up by trying, and expires', async t => {
  const test = await startTestHub(t)
  const thief = new TestDevice()
  for (const wrong of [
    { code_verifier: randomBytes(32).toString('base64url') },
    { redirect_uri: 'http://127.0.0.1:1/paired' },
    { proof: thief.sign('anything') },
  ] as Record<string, string>[]) {
    const { redeem } = await redirected(test)
    assert.equal((await redeem(wrong)).body.error, 'invalid_grant')
    assert.equal((await redeem()).body.error, 'invalid_grant')
  }
  const late = await redirected(test)
  test.clock.offsetMs += limits.redirectCodeMs
  assert.equal((await late.redeem()).body.error, 'invalid_grant')
  assert.deepEqual((await test.json<{ items: object[] }>('GET', '/devices')).items, [])
})

test('LR3 a redirect leads to loopback of the same machine and nowhere else', async t => {
  const test = await startTestHub(t)
  for (const redirectUri of [
    'https://127.0.0.1:1/x',
    'http://evil.example:80/x',
    'http://127.0.0.1.evil.example:80/x',
    'http://127.0.0.1:1/x?a=b',
    'http://user@127.0.0.1:1/x',
    'javascript:alert(1)',
    'http://localhost:1/x',
  ])
    assert.equal((await redirected(test, { redirectUri })).status, 400, redirectUri)
})
