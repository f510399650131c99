import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Problem } from '@meshbook/core/errors.ts'
import { WebSocket } from 'ws'
import { rawRequest } from '../testing/raw-request.ts'
import { signIn } from '../testing/sign-in.ts'
import { startTestHub } from '../testing/test-hub.ts'

test('a sign-in link signs one browser in, once, within its time', async t => {
  const { hub, clock } = await startTestHub(t)
  const link = new URL(await hub.signInLink())
  assert.equal(link.pathname, '/signin')
  const post = (code: string) =>
    fetch(`${hub.url}/api/v1/auth/link`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    })
  const first = await post(link.hash.slice(1))
  assert.equal(first.status, 204)
  assert.match(
    first.headers.get('set-cookie')!,
    /^mb_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=2592000$/,
  )
  const second = await post(link.hash.slice(1))
  assert.deepEqual([second.status, ((await second.json()) as Problem).code], [401, 'LINK_USED'])
  const late = new URL(await hub.signInLink())
  clock.offsetMs += 10 * 60_000 + 1
  assert.equal((await post(late.hash.slice(1))).status, 401)
  assert.equal((await post('guess')).status, 401)
})

test('S23 guessing codes is stopped after a few tries', async t => {
  const { hub } = await startTestHub(t)
  const post = () =>
    fetch(`${hub.url}/api/v1/auth/link`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"code":"guess"}',
    })
  const codes: number[] = []
  for (let i = 0; i < 35; i++) codes.push((await post()).status)
  assert.equal(codes[0], 401)
  assert.equal(codes.at(-1), 429)
  assert.equal(codes.filter(code => code === 401).length, 30)
})

test('a cookie opens the API for its own page and names the user', async t => {
  const test = await startTestHub(t)
  const answer = await rawRequest(`${test.hub.url}/api/v1/me`, {
    headers: { cookie: await signIn(test), 'sec-fetch-site': 'same-origin' },
  })
  assert.equal(answer.status, 200)
  assert.equal(JSON.parse(answer.text).user, 'me')
})

test('signing in over plain HTTP from another machine is refused with a page that gives three ways out', async t => {
  const address = '127.0.0.2'
  const { hub } = await startTestHub(t, { host: '0.0.0.0', env: { MESHBOOK_PUBLIC_URL: 'http://mesh.example' } })
  const base = `http://${address}:${hub.port}`
  const far = { host: 'mesh.example', 'content-type': 'application/json' }
  const code = new URL(await hub.signInLink()).hash.slice(1)
  const answer = await rawRequest(`${base}/api/v1/auth/link`, {
    method: 'POST',
    headers: far,
    body: JSON.stringify({ code }),
  })
  assert.deepEqual([answer.status, (JSON.parse(answer.text) as Problem).code], [403, 'PLAIN_HTTP'])
  const page = await rawRequest(`${base}/signin`, { headers: far })
  assert.equal(page.status, 403)
  for (const way of ['MESHBOOK_TLS_CERT', 'MESHBOOK_PUBLIC_URL', 'ssh -L']) assert.ok(page.text.includes(way), way)
  const near = await rawRequest(`http://127.0.0.1:${hub.port}/api/v1/auth/link`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  assert.equal(near.status, 204)
})

test('behind a proxy with TLS the cookie is __Host-, Secure and Lax, and only the public origin is believed', async t => {
  const { hub } = await startTestHub(t, { env: { MESHBOOK_PUBLIC_URL: 'https://mesh.example' } })
  const link = new URL(await hub.signInLink())
  assert.equal(link.origin, 'https://mesh.example')
  const headers = { host: 'mesh.example', 'content-type': 'application/json', origin: 'https://mesh.example' }
  const body = JSON.stringify({ code: link.hash.slice(1) })
  const wrong = await rawRequest(`${hub.url}/api/v1/auth/link`, {
    method: 'POST',
    headers: { ...headers, origin: 'http://mesh.example' },
    body,
  })
  assert.equal(wrong.status, 403)
  const answer = await rawRequest(`${hub.url}/api/v1/auth/link`, { method: 'POST', headers, body })
  assert.match(
    String(answer.headers['set-cookie']),
    /^__Host-mb_session=[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=\d+$/,
  )
  assert.match(String(answer.headers['strict-transport-security']), /max-age/)
  const cookie = String(answer.headers['set-cookie']).split(';')[0]!
  assert.equal((await rawRequest(`${hub.url}/api/v1/me`, { headers: { host: 'mesh.example', cookie } })).status, 200)
})

test('the bootstrap token works from the first start on, and a later one is not taken', async t => {
  const token = `mb_${'b'.repeat(43)}`
  const test = await startTestHub(t, { env: { MESHBOOK_BOOTSTRAP_TOKEN: token } })
  const status = async (with_: string) =>
    (await test.api('GET', '/me', undefined, { authorization: `Bearer ${with_}` })).status
  assert.equal(await status(token), 200)
  const later = `mb_${'c'.repeat(43)}`
  test.config.bootstrapToken = later
  await test.restart()
  assert.equal(await status(token), 200)
  assert.equal(await status(later), 401)
})

test('a token is shown once, listed without it, and void once revoked', async t => {
  const test = await startTestHub(t)
  const made = await test.json<{ id: string; token: string }>('POST', '/tokens', { name: 'ci' })
  assert.match(made.token, /^mb_[\w-]{43}$/)
  const { items } = await test.json<{ items: { id: string; token?: string }[] }>('GET', '/tokens')
  assert.ok(items.some(({ id }) => id === made.id))
  assert.ok(items.every(({ token }) => token === undefined))
  await test.json('DELETE', `/tokens/${made.id}`)
  assert.equal((await test.api('GET', '/me', undefined, { authorization: `Bearer ${made.token}` })).status, 401)
  assert.equal((await test.api('DELETE', `/tokens/${made.id}`)).status, 404)
})

test('S7 no secret is found in the database, its log, any file or any log line', async t => {
  const test = await startTestHub(t, { env: { MESHBOOK_BOOTSTRAP_TOKEN: `mb_${'canary'.repeat(6)}` } })
  const cookie = await signIn(test)
  const { token } = await test.json<{ token: string }>('POST', '/tokens', { name: 'canary' })
  const { ticket } = await test.json<{ ticket: string }>('POST', '/tickets', {
    project: test.project.id,
    scope: 'write',
  })
  const unusedLink = new URL(await test.hub.signInLink()).hash.slice(1)
  await test.api('GET', '/me', undefined, { authorization: `Bearer ${token}x` })
  await test.api('GET', `/documents?project=${test.project.id}&ticket=${ticket}`)
  const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md?ticket=${ticket}`)
  await new Promise(resolve => socket.once('message', resolve))
  socket.terminate()
  const secrets = [test.token, token, ticket, unusedLink, cookie.split('=')[1]!, 'canarycanary']
  const texts = [...test.logged]
  for (const entry of await readdir(test.folder, { recursive: true })) {
    const path = join(test.folder, entry)
    if ((await stat(path)).isFile()) texts.push((await readFile(path)).toString('latin1'))
  }
  assert.ok(test.logged.length > 5)
  for (const secret of secrets) assert.ok(!texts.some(text => text.includes(secret)), `found ${secret.slice(0, 12)}…`)
})
