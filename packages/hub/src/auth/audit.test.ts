import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditEntry } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { type AllProcedures, hubModules } from '../store/open-store.ts'
import { atEnd } from '../testing/at-end.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { signIn } from '../testing/sign-in.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestUser, makeMember, setRoles } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

interface Page {
  items: AuditEntry[]
  next?: string
}

const entries = async (test: TestHub, query = ''): Promise<AuditEntry[]> =>
  (await test.json<Page>('GET', `/audit${query}`)).items

test('AD1 what is done is noted, with who, by what, what, and from where', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', '```python\n1\n```\n')
  const ann = await addTestUser(test, 'ann')
  const cookie = await signIn(test)
  const headers = { cookie, origin: test.hub.url }
  assert.equal((await rawRequest(`${test.hub.url}/api/v1/auth/logout`, { method: 'POST', headers })).status, 204)
  const token = await test.json<{ id: string }>('POST', '/tokens', { name: 'ci', scopes: ['read'] })
  await test.json('DELETE', `/tokens/${token.id}`)
  const desk = new TestDevice('Desk')
  await test.json('POST', '/devices', { publicKey: desk.publicKey, name: 'Desk', kind: 'desktop' })
  await test.json('PATCH', `/devices/${desk.id}`, { name: 'Bench' })
  await test.json('PATCH', `/devices/${desk.id}`, { policy: { runsOfOthers: 'never' } })
  await test.json('DELETE', `/devices/${desk.id}`)
  await makeMember(test, ann, ['runner'])
  const run = await ann.json<{ id: string }>('POST', '/runs', { document: id, language: 'python', code: '1' })
  await ann.json('POST', '/runs', { id: run.id, document: id, language: 'python', code: '1' })
  await ann.json('POST', '/tickets', { document: id, scope: 'run' })
  await ann.json('POST', '/tickets', { document: id, scope: 'read' })
  await setRoles(test, ann, ['viewer'])
  await setRoles(test, ann, [])
  const members = `/projects/${test.project.id}/members`
  await test.json('POST', members, { email: 'a@b.example', roles: ['viewer'] })
  await test.json('DELETE', `${members}/a@b.example`)
  await test.json('POST', `/documents/${id}/renew`)
  const found = await entries(test)
  assert.deepEqual(found.map(({ action, name }) => `${action} ${name}`).reverse(), [
    'sign-in me',
    'sign-out me',
    'token-made me',
    'token-revoked me',
    'device-added me',
    'device-renamed me',
    'device-set me',
    'device-revoked me',
    'member-added me',
    'run-by-member ann',
    'run-ticket-made ann',
    'member-changed me',
    'member-removed me',
    'member-invited me',
    'invitation-withdrawn me',
    'document-renewed me',
  ])
  const byAnn = found.find(({ action }) => action === 'run-by-member')!
  assert.equal(byAnn.target, run.id)
  assert.match(byAnn.credential!, /^token:tok_/)
  assert.match(byAnn.request!, /^[0-9a-f-]{36}$/)
  assert.equal(byAnn.address, '127.0.0.1')
  assert.equal(byAnn.detail.document, id)
})

test('AD2 an entry and its change are one transaction, and what changed nothing is not noted', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  await test.api('DELETE', '/tokens/tok_01k00000000000000000000000')
  await test.api('POST', `/projects/${test.project.id}/members`, { user: 'nobody', roles: ['viewer'] })
  assert.deepEqual(await entries(test), [])
  await makeMember(test, ann, ['viewer'])
  await test.hub.close()
  const store = await SqliteDatabase.open<AllProcedures>({ file: join(test.folder, 'hub.db'), modules: hubModules })
  atEnd(t, () => store.close())
  const [entry] = (
    await store.query('listAudit', {
      org: (await store.query('everyProject'))[0]!.org,
      filter: {},
      before: null,
      rows: 5,
    })
  ).items
  const note = { ...entry!, org: null, id: entry!.id as never, user: null, action: 'member-added' }
  const place = {
    org: 'org_x' as never,
    project: test.project.id,
    name: 'ann',
    roles: [],
    by: 'usr_x' as never,
    now: 1,
  }
  // The note has an id that is taken: then the member is not added either.
  await assert.rejects(
    store.call('audited', { org: place.org, call: 'addMember', args: { ...place, roles: ['owner'] }, note }),
  )
  assert.equal((await store.query('listMembers', { org: place.org, project: test.project.id })).length, 0)
})

test('AD3 only the owner reads it, by a whole credential, page by page and by action, user and time', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['owner'])
  for (let i = 0; i < 5; i++) await test.json('POST', '/tokens', { name: `t${i}` })
  const { token } = await test.json<{ token: string }>('POST', '/tokens', { name: 'reader', scopes: ['read'] })
  assert.equal((await test.api('GET', '/audit', undefined, { authorization: `Bearer ${token}` })).status, 403)
  assert.deepEqual(
    (await ann.json<Page>('GET', '/audit')).items.map(({ action }) => action),
    ['token-made', 'sign-in'],
    'a member sees their own log, not that of the owner',
  )
  const seen: string[] = []
  let cursor = ''
  for (;;) {
    const page = await test.json<Page>('GET', `/audit?action=token-made&limit=2${cursor}`)
    seen.push(...page.items.map(({ detail }) => String(detail.name)))
    if (!page.next) break
    cursor = `&cursor=${page.next}`
  }
  assert.deepEqual(seen, ['reader', 't4', 't3', 't2', 't1', 't0'])
  assert.equal((await entries(test, '?user=nobody')).length, 0)
  const [newest] = await entries(test, '?user=me')
  assert.equal((await entries(test, `?from=${newest!.at + 1}`)).length, 0)
  assert.equal((await entries(test, `?to=${newest!.at + 1}`)).length, 7)
  assert.equal((await test.api('GET', '/audit?from=yesterday')).status, 400)
  assert.equal((await test.api('GET', '/audit?cursor=eA')).status, 400)
})

test('AD4 S7 no secret is in the log of what was done', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['editor', 'runner'])
  const cookie = (await signIn(test)).split('=')[1]!
  const { token } = await test.json<{ token: string }>('POST', '/tokens', { name: 'canary' })
  const tickets = await Promise.all(
    [test, ann].map(who =>
      who.json<{ ticket: string }>('POST', '/tickets', { project: test.project.id, scope: 'run' }),
    ),
  )
  const { id } = await test.document('a.md')
  await ann.json('POST', '/runs', { document: id, language: 'python', code: 'canary_code()' })
  const wrong = new URL(await test.hub.signInLink()).hash.slice(1)
  await post(test, `${wrong}x`)
  await until(async () => (await entries(test, '?action=sign-in-failed')).length === 1)
  const text = JSON.stringify([await entries(test), await ann.json<Page>('GET', '/audit')])
  assert.ok(text.length > 1_000)
  const secrets = [test.token, ann.token, token, cookie, wrong, 'canary_code', ...tickets.map(({ ticket }) => ticket)]
  for (const secret of secrets) assert.ok(!text.includes(secret), secret.slice(0, 10))
})

function post(test: TestHub, code: string): Promise<Response> {
  return fetch(`${test.hub.url}/api/v1/auth/link`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
}

test('AD5 failed sign-ins are noted at a bounded rate, and the next entry says how many were left out', async t => {
  const test = await startTestHub(t)
  for (let i = 0; i < limits.auditFailuresPerMinute + 4; i++) await post(test, 'guess')
  const noted = () => entries(test, '?action=sign-in-failed')
  await until(async () => (await noted()).length === limits.auditFailuresPerMinute)
  test.clock.offsetMs += 60_000
  await post(test, 'guess')
  await until(async () => (await noted()).length === limits.auditFailuresPerMinute + 1)
  const [last] = await noted()
  assert.deepEqual([last!.detail.leftOut, last!.user, last!.address], [4, null, '127.0.0.1'])
})

test('AD6 entries go when they are too old, and others stay', async t => {
  const test = await startTestHub(t)
  await test.json('POST', '/tokens', { name: 'old' })
  test.clock.offsetMs += limits.auditKeepMs / 2
  await test.json('POST', '/tokens', { name: 'new' })
  await test.hub.close()
  const store = await SqliteDatabase.open<AllProcedures>({ file: join(test.folder, 'hub.db'), modules: hubModules })
  atEnd(t, () => store.close())
  const org = (await store.query('everyProject'))[0]!.org
  const before = Date.now() + 60_000
  assert.equal(await store.call('trimAudit', { before, most: 1 }), true)
  assert.equal(await store.call('trimAudit', { before, most: 1 }), false)
  const { items } = await store.query('listAudit', { org, filter: {}, before: null, rows: 10 })
  assert.deepEqual(
    items.map(({ detail }) => detail.name),
    ['new'],
  )
})
