/** Signing in where several hubs share one PostgreSQL behind one address: begun at one, finished at another. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { type RawAnswer, rawRequest } from '@meshbook/hub/testing/raw-request.ts'
import { command, type MeshProcess, startProcess, temporaryFolder } from '../mesh-process.ts'
import { OidcServer } from '../oidc-server.ts'
import { TestPostgres } from '../postgres.ts'

const postgres = await TestPostgres.start({ after })
const origin = 'https://mesh.example'

interface World {
  oidc: OidcServer
  hubs: [MeshProcess, MeshProcess]
}

async function world(t: TestContext): Promise<World> {
  const database = await postgres.newDatabase()
  const oidc = await OidcServer.start(t)
  oidc.register([`${origin}/api/v1/auth/oidc/callback`])
  const env = {
    ...oidc.env(),
    MESHBOOK_SIGN_UP: 'open',
    MESHBOOK_PUBLIC_URL: origin,
    MESHBOOK_DATABASE_URL: database.url,
  }
  const owner = { ...env, MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl }
  const { code, stderr } = await command(['hub', '--migrate', '--data', await temporaryFolder(t)], owner)
  assert.equal(code, 0, stderr)
  const start = async () => startProcess(t, await temporaryFolder(t), ['hub', '--port', '0'], env)
  return { oidc, hubs: [await start(), await start()] }
}

/** As a proxy passes it on to one of the hubs. */
function ask(
  hub: MeshProcess,
  path: string,
  cookies: string[] = [],
  method = 'GET',
  body?: object,
): Promise<RawAnswer> {
  const headers = {
    host: 'mesh.example',
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/json',
    ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
  }
  return rawRequest(hub.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
}

const cookiesOf = ({ headers }: RawAnswer): string[] =>
  [headers['set-cookie'] ?? []].flat().map(line => line.split(';', 1)[0]!)

/** Through the pages of the provider, up to the address that it leads back to. */
async function throughProvider(location: string | string[] | undefined): Promise<string> {
  let next = new URL(String(location))
  const jar = new Map<string, string>()
  while (next.origin !== origin) {
    const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }
    const answer = await rawRequest(next.href, { headers })
    for (const cookie of cookiesOf(answer))
      jar.set(cookie.slice(0, cookie.indexOf('=')), cookie.slice(cookie.indexOf('=') + 1))
    assert.ok(answer.headers.location, `${answer.status} ${answer.text}`)
    next = new URL(String(answer.headers.location), next)
  }
  return next.pathname + next.search
}

test('AU10 a sign-in that one hub began is finished by another, once, however often it is tried at both', async t => {
  const { hubs } = await world(t)
  const begun = await ask(hubs[0], '/api/v1/auth/oidc')
  assert.match(
    String(begun.headers['set-cookie']),
    /^__Host-mb_attempt=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax/,
  )
  const attempt = cookiesOf(begun)
  const callback = await throughProvider(begun.headers.location)
  const tries = await Promise.all([1, 0, 1, 0].map(at => ask(hubs[at as 0 | 1], callback, attempt)))
  const pages = tries.map(({ headers }) => String(headers.location)).sort()
  assert.deepEqual(pages, ['/', ...Array(3).fill('/signin?error=SIGN_IN_EXPIRED')])
  const session = tries.flatMap(cookiesOf).filter(cookie => /^__Host-mb_session=./.test(cookie))
  assert.equal(session.length, 1)
  for (const hub of hubs) {
    const me = await ask(hub, '/api/v1/me', session)
    assert.equal((JSON.parse(me.text) as { user: string }).user, 'ada')
  }
  const out = await ask(hubs[0], '/api/v1/browser-sessions', session, 'DELETE')
  assert.equal(out.status, 204)
  assert.equal((await ask(hubs[1], '/api/v1/me', session)).status, 401)
})

test('AU3 AU4 two first sign-ins of one person at two hubs make one account', async t => {
  const { hubs } = await world(t)
  const begun = await Promise.all(hubs.map(hub => ask(hub, '/api/v1/auth/oidc')))
  const callbacks: string[] = []
  for (const { headers } of begun) callbacks.push(await throughProvider(headers.location))
  const done = await Promise.all(hubs.map((hub, at) => ask(hub, callbacks[at]!, cookiesOf(begun[at]!))))
  assert.deepEqual(
    done.map(({ headers }) => headers.location),
    ['/', '/'],
  )
  const names = await Promise.all(
    hubs.map(async (hub, at) => {
      const me = await ask(
        hub,
        '/api/v1/me',
        cookiesOf(done[at]!).filter(cookie => cookie.includes('session=')),
      )
      return (JSON.parse(me.text) as { user: string }).user
    }),
  )
  assert.deepEqual(names, ['ada', 'ada'])
})

test('AU6 the last of two identities stays when they are removed at two hubs at the same time', async t => {
  const { hubs, oidc } = await world(t)
  const signIn = async (): Promise<string[]> => {
    const begun = await ask(hubs[0], '/api/v1/auth/oidc')
    const back = await ask(hubs[0], await throughProvider(begun.headers.location), cookiesOf(begun))
    return cookiesOf(back).filter(cookie => cookie.includes('session='))
  }
  const session = await signIn()
  oidc.person = { ...oidc.person, sub: 'second' }
  const begun = await ask(hubs[1], '/api/v1/identities', session, 'POST', { provider: 'oidc' })
  const linked = await ask(
    hubs[0],
    await throughProvider((JSON.parse(begun.text) as { url: string }).url),
    cookiesOf(begun),
  )
  assert.equal(linked.headers.location, '/account')
  const list = JSON.parse((await ask(hubs[1], '/api/v1/identities', session)).text) as { items: { id: string }[] }
  assert.equal(list.items.length, 2)
  const answers = await Promise.all(
    list.items.map(({ id }, at) => ask(hubs[at as 0 | 1], `/api/v1/identities/${id}`, session, 'DELETE')),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 409])
})
