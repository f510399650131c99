import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import type { DocumentInfo, Member, Project } from '@meshbook/core/api.ts'
import type { Problem } from '@meshbook/core/errors.ts'
import { splitSync } from '@meshbook/core/messages.ts'
import { step1Frame, updateFrame } from '@meshbook/relay/sync-frames.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { rawRequest } from '../testing/raw-request.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub } from '../testing/test-hub.ts'
import { addTestDevice, addTestUser, makeMember, openSync, setRoles } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

/** What a member may do with a document, as statuses: read, write, own. */
const expectedOf: Record<string, [read: number, write: number, own: number]> = {
  viewer: [200, 403, 403],
  runner: [200, 403, 403],
  editor: [200, 200, 403],
  owner: [200, 200, 200],
}

test('ME1 ME3 each role does what it may and nothing else; who is no member finds nothing', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', '# a\n')
  const ann = await addTestUser(test, 'ann')
  const calls = async (): Promise<number[]> => [
    await ann.status('GET', `/documents/${id}/content`),
    await ann.status('PATCH', `/documents/${id}`, { path: `renamed-${ann.id}.md` }),
    await ann.status('POST', `/documents/${id}/renew`),
  ]
  assert.deepEqual(await calls(), [404, 404, 404])
  await makeMember(test, ann, ['viewer'])
  for (const [role, expected] of Object.entries(expectedOf)) {
    await setRoles(test, ann, [role])
    assert.deepEqual(await calls(), expected, role)
  }
  await setRoles(test, ann, [])
  assert.deepEqual(await calls(), [404, 404, 404])
})

test('ME4 scopes of tokens and tickets only narrow what the roles give', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', '# a\n')
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['owner'])
  const { token: reader } = await ann.json<{ token: string }>('POST', '/tokens', { name: 'r', scopes: ['read'] })
  const rename = { path: 'b.md' }
  assert.equal(await ann.status('GET', `/documents/${id}`, undefined, reader), 200)
  assert.equal(await ann.status('PATCH', `/documents/${id}`, rename, reader), 403)
  assert.equal(await ann.status('PATCH', `/documents/${id}`, rename), 200)
  const { token: most } = await ann.json<{ token: string }>('POST', '/tokens', { name: 'm', scopes: ['read', 'write'] })
  assert.equal(
    await ann.status('POST', `/projects/${test.project.id}/members`, { user: 'x', roles: ['viewer'] }, most),
    403,
  )
  await setRoles(test, ann, ['viewer'])
  for (const [scope, status] of [
    ['read', 201],
    ['write', 403],
    ['run', 403],
  ] as const)
    assert.equal(await ann.status('POST', '/tickets', { document: id, scope }), status, scope)
})

test('ME4 a ticket that was made with more rights writes no more than its maker may now', async t => {
  const test = await startTestHub(t)
  await test.document('a.md', 'x')
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['viewer', 'editor'])
  const { ticket } = await ann.json<{ ticket: string }>('POST', '/tickets', {
    project: test.project.id,
    scope: 'write',
  })
  await setRoles(test, ann, ['viewer'])
  const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md?ticket=${ticket}`)
  assert.equal((await once(socket, 'close'))[0], 4401)
})

test('ME5 lists have what is shared, with its owner, and a path leads to it', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('notes/a.md', '# a\n')
  const [ann, bob] = [await addTestUser(test, 'ann'), await addTestUser(test, 'bob')]
  await ann.json('POST', '/projects', { name: 'demo' })
  await makeMember(test, ann, ['runner'])
  const { items } = await ann.json<{ items: Project[] }>('GET', '/projects')
  assert.deepEqual(
    items.map(({ owner, name, roles }) => [owner, name, roles]),
    [
      ['ann', 'demo', undefined],
      ['me', 'demo', ['runner']],
    ],
  )
  const at = (owner: string) => `/documents?path=${encodeURIComponent(`${owner}/demo/notes/a.md`)}`
  const find = async (user: typeof ann, owner: string) =>
    (await user.json<{ items: DocumentInfo[] }>('GET', at(owner))).items.map(found => found.id)
  assert.deepEqual(await find(ann, 'me'), [id])
  assert.deepEqual(await find(ann, 'ann'), [])
  assert.deepEqual(await find(bob, 'me'), [])
  const shared = await ann.json<{ items: DocumentInfo[] }>('GET', `/documents?project=${test.project.id}`)
  assert.deepEqual(
    shared.items.map(({ path }) => path),
    ['notes/a.md'],
  )
  const paths = async (user: typeof ann) =>
    (await user.json<{ items: DocumentInfo[] }>('GET', '/documents')).items.map(({ path }) => path)
  assert.deepEqual(await paths(ann), ['notes/a.md'])
  assert.deepEqual(await paths(bob), [])
  assert.equal(await bob.status('GET', `/documents?project=${test.project.id}`), 404)
  assert.equal(await bob.status('GET', `/runs?project=${test.project.id}`), 404)
  assert.equal(await bob.status('GET', `/sessions?project=${test.project.id}`), 404)
  assert.deepEqual((await bob.json<{ items: Project[] }>('GET', '/projects')).items, [])
})

test("ME5 runs of shared projects stand among one's own, newest first and page by page; those of others do not", async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', '```python\n1\n```\n')
  const other = await test.json<Project>('POST', '/projects', { name: 'private' })
  const secret = await test.json<DocumentInfo>('POST', '/documents', { project: other.id, path: 'b.md' })
  const ann = await addTestUser(test, 'ann')
  const own = await ann.json<Project>('POST', '/projects', { name: 'own' })
  const mine = await ann.json<DocumentInfo>('POST', '/documents', { project: own.id, path: 'c.md' })
  await makeMember(test, ann, ['viewer'])
  const run = (user: Pick<typeof ann, 'json'>, run: string, document: string) =>
    user.json('POST', '/runs', { id: run, document, language: 'python', code: '1' })
  await run(test, 'shared-1', id)
  await run(ann, 'mine-1', mine.id)
  await run(test, 'secret-1', secret.id)
  await run(test, 'shared-2', id)
  await run(ann, 'mine-2', mine.id)
  const seen: string[] = []
  for (let query = '?limit=2'; ; ) {
    const page = await ann.json<{ items: { id: string; code?: string }[]; next?: string }>('GET', `/runs${query}`)
    seen.push(...page.items.map(found => found.id))
    assert.ok(page.items.every(found => found.code === undefined))
    if (!page.next) break
    query = `?limit=2&cursor=${page.next}`
  }
  assert.deepEqual([...seen].sort(), ['mine-1', 'mine-2', 'shared-1', 'shared-2'])
  assert.equal(seen.at(-1), 'shared-1')
  assert.equal(await ann.status('GET', '/runs?cursor=eA'), 400)
})

test('ME5 of the devices of an owner a member with the right to run sees those that have the project and allow it', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  const [desk, other] = [new TestDevice('Desk'), new TestDevice('Other')]
  for (const device of [desk, other]) await test.hub.registerDevice(device.publicKey, device.name, 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  await other.join(t, test.hub, [])
  const seen = async () =>
    (await ann.json<{ items: { name: string; owner?: string }[] }>('GET', '/devices')).items.map(({ name, owner }) => [
      name,
      owner,
    ])
  assert.deepEqual(await seen(), [])
  await makeMember(test, ann, ['viewer'])
  assert.deepEqual(await seen(), [])
  await setRoles(test, ann, ['runner'])
  assert.deepEqual(await seen(), [['Desk', 'me']])
  await test.json('PATCH', `/devices/${desk.id}`, { policy: { runsOfOthers: 'never' } })
  assert.deepEqual(await seen(), [])
  assert.equal(await ann.status('PATCH', `/devices/${desk.id}`, { policy: { runsOfOthers: 'owned' } }), 404)
})

test('ME6 a member has the pictures that the project names and no others, and stores one for it', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  const put = (bytes: Buffer, token: string, query = '') => {
    const asset = `sha256-${createHash('sha256').update(bytes).digest('hex')}`
    return rawRequest(`${test.hub.url}/api/v1/assets/${asset}${query}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: bytes,
    }).then(({ status }) => ({ asset, status }))
  }
  const named = (await put(Buffer.from('shown'), test.token)).asset
  const secret = (await put(Buffer.from('not shown'), test.token)).asset
  await test.document('a.md', `![](asset:${named})\n`)
  assert.equal(await ann.status('GET', `/assets/${named}`), 404)
  await makeMember(test, ann, ['viewer'])
  assert.equal(await ann.status('GET', `/assets/${named}`), 200)
  assert.equal(await ann.status('GET', `/assets/${secret}`), 404)
  const query = `?project=${test.project.id}`
  assert.equal((await put(Buffer.from('from ann'), ann.token, query)).status, 403)
  await setRoles(test, ann, ['editor'])
  // That the org has it already is not told: the bytes are taken as if they were new.
  assert.equal((await put(Buffer.from('not shown'), ann.token, query)).status, 201)
  const { asset, status } = await put(Buffer.from('from ann'), ann.token, query)
  assert.equal(status, 201)
  assert.equal(await ann.status('GET', `/assets/${asset}`), 404, 'nothing names it yet')
  await test.document('b.md', `![](asset:${asset})\n`)
  assert.equal(await ann.status('GET', `/assets/${asset}`), 200)
  assert.equal((await test.api('GET', `/assets/${asset}`)).status, 200)
  assert.equal((await put(Buffer.from('from bob'), (await addTestUser(test, 'bob')).token, query)).status, 404)
})

test('ME7 owners invite, add and remove; others see who is there and may leave; a project keeps its owner', async t => {
  const test = await startTestHub(t)
  const [ann, bob] = [await addTestUser(test, 'ann'), await addTestUser(test, 'bob')]
  const members = `/projects/${test.project.id}/members`
  await makeMember(test, ann, ['editor'])
  await makeMember(test, bob, ['owner'])
  const codeOf = async (answer: Response) => ((await answer.json()) as Problem).code
  assert.equal(await codeOf(await test.api('POST', members, { user: 'ann', roles: ['viewer'] })), 'CONFLICT')
  assert.equal(await codeOf(await test.api('POST', members, { user: 'me', roles: ['viewer'] })), 'CONFLICT')
  assert.equal(await codeOf(await test.api('POST', members, { user: 'nobody', roles: ['viewer'] })), 'NOT_FOUND')
  assert.equal(await codeOf(await test.api('POST', members, { user: 'bob', roles: [] })), 'BAD_REQUEST')
  const invited = await bob.json<Member>('POST', members, { email: 'Kim@Example.org', roles: ['runner'] })
  assert.deepEqual([invited.id, invited.name, invited.roles], ['kim@example.org', null, ['runner']])
  const seen = async (user: typeof ann) =>
    (await user.json<{ items: Member[] }>('GET', members)).items.map(({ name, email, roles }) => [
      name ?? email,
      ...roles,
    ])
  assert.deepEqual(await seen(bob), [
    ['me', 'owner'],
    ['ann', 'editor'],
    ['bob', 'owner'],
    ['kim@example.org', 'runner'],
  ])
  assert.deepEqual(
    (await seen(ann)).map(([name]) => name),
    ['me', 'ann', 'bob'],
  )
  assert.equal(await ann.status('DELETE', `${members}/bob`), 403)
  assert.equal(await bob.status('DELETE', `${members}/me`), 409)
  assert.equal(await bob.status('PATCH', `${members}/me`, { roles: ['viewer'] }), 409)
  assert.equal(await bob.status('DELETE', `${members}/kim@example.org`), 204)
  assert.equal(await ann.status('POST', `/projects/${test.project.id}/leave`), 204)
  assert.equal(await ann.status('POST', `/projects/${test.project.id}/leave`), 404)
  assert.equal((await test.api('POST', `/projects/${test.project.id}/leave`)).status, 409)
  assert.deepEqual(
    (await seen(bob)).map(([name]) => name),
    ['me', 'bob'],
  )
})

test('ME8 S8 a member who is removed or lowered is out within 200 ms, and nothing that they send is taken', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', 'x')
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['editor'])
  const took: number[] = []
  for (let round = 0; round < 20; round++) {
    await setRoles(test, ann, round % 2 === 0 ? ['editor', 'runner'] : ['editor'])
    const sync = await openSync(t, test, 'me/demo/a.md', ann.token)
    await until(() => sync.client.synced)
    const events = await fetch(`${test.hub.url}/api/v1/events`, { headers: { authorization: `Bearer ${ann.token}` } })
    const before = performance.now()
    await setRoles(test, ann, ['viewer'])
    // The socket may not have heard of it yet: what is still sent must not arrive.
    sync.doc.getText('content').insert(0, 'late')
    const { code, at } = await sync.closed
    assert.equal(code, 4403)
    took.push(at - before)
    for await (const _ of events.body!);
  }
  assert.equal(await (await test.api('GET', `/documents/${id}/content`)).text(), 'x')
  took.sort((a, b) => a - b)
  t.diagnostic(
    `closed after ${took[10]!.toFixed(0)} ms (median), ${took.at(-1)!.toFixed(0)} ms (most), request included`,
  )
  assert.ok(took.at(-1)! < 200, `${took.at(-1)} ms`)
})

test('ME8 frames that are sent after the closing began are not taken, though the socket is still open', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', 'x')
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['editor'])
  const socket = new WebSocket(`${test.hub.url.replace('http', 'ws')}/sync/me/demo/a.md`, {
    headers: { authorization: `Bearer ${ann.token}` },
  })
  await once(socket, 'message')
  const doc = new Y.Doc()
  doc.getText('content').insert(0, 'late')
  const update = updateFrame(Y.encodeStateAsUpdate(doc))
  // It reads nothing, so it does not answer the closing handshake and goes on sending.
  socket.pause()
  await setRoles(test, ann, [])
  for (let i = 0; i < 50 && socket.readyState === WebSocket.OPEN; i++) {
    socket.send(update)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  socket.resume()
  await until(() => socket.readyState === WebSocket.CLOSED)
  assert.equal(await (await test.api('GET', `/documents/${id}/content`)).text(), 'x')
})

test('ME8 what a member had queued ends when they may not run any more, and the run of another goes on', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', '```python\n1\n```\n')
  const [ann, bob] = [await addTestUser(test, 'ann'), await addTestUser(test, 'bob')]
  for (const user of [ann, bob]) await makeMember(test, user, ['runner'])
  const request = (session: string) => ({ document: id, language: 'python', code: '1', session })
  const first = await ann.json<{ id: string }>('POST', '/runs', request('a'))
  const second = await bob.json<{ id: string }>('POST', '/runs', request('b'))
  await setRoles(test, ann, ['viewer'])
  const statusOf = async (run: { id: string }) => (await test.json<{ status: string }>('GET', `/runs/${run.id}`)).status
  assert.deepEqual([await statusOf(first), await statusOf(second)], ['cancelled', 'queued'])
})

test('ME9 a device of a member syncs the shared project with the rights of its user, until these end', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', 'x')
  const ann = await addTestUser(test, 'ann')
  const laptop = new TestDevice('Laptop')
  await addTestDevice(ann, laptop)
  const open = (stream: number) => laptop.send({ type: 'OPEN', stream, project: test.project.id, document: id })
  await laptop.join(t, test.hub, [test.project.id])
  open(1)
  assert.equal((await laptop.next('CLOSE')).code, 'NOT_FOUND')
  await makeMember(test, ann, ['viewer'])
  const { projects } = await laptop.join(t, test.hub, [test.project.id])
  assert.deepEqual(
    projects.map(({ owner, name }) => `${owner}/${name}`),
    ['me/demo'],
  )
  open(2)
  laptop.socket!.send(splitSync(2, step1Frame(new Uint8Array([0])))[0]!)
  await until(() => laptop.synced.some(({ stream }) => stream === 2))
  const doc = new Y.Doc()
  doc.getText('content').insert(0, 'late')
  laptop.socket!.send(splitSync(2, updateFrame(Y.encodeStateAsUpdate(doc)))[0]!)
  assert.equal((await laptop.next('CLOSE')).code, 'READ_ONLY')
  await setRoles(test, ann, ['editor'])
  open(3)
  open(4)
  laptop.socket!.send(splitSync(3, step1Frame(new Uint8Array([0])))[0]!)
  await until(() => laptop.synced.some(({ stream }) => stream === 3))
  const before = performance.now()
  await setRoles(test, ann, [])
  laptop.socket!.send(splitSync(3, updateFrame(Y.encodeStateAsUpdate(doc)))[0]!)
  const closed = [await laptop.next('CLOSE'), await laptop.next('CLOSE')]
  assert.ok(performance.now() - before < 200)
  assert.deepEqual(closed.map(({ stream, code }) => [stream, code]).sort(), [
    [3, 'NOT_FOUND'],
    [4, 'NOT_FOUND'],
  ])
  assert.equal(laptop.socket!.readyState, WebSocket.OPEN)
  assert.equal(await (await test.api('GET', `/documents/${id}/content`)).text(), 'x')
})

test('ME2 S21 the tree of a shared project leads to no document of another project', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['editor', 'runner'])
  const other = await test.json<Project>('POST', '/projects', { name: 'private' })
  const secret = await test.json<DocumentInfo>('POST', '/documents', {
    project: other.id,
    path: 'secret.md',
    content: 'secret',
  })
  const tree = await openSync(t, test, 'me/demo/.meshbook/tree', ann.token)
  await until(() => tree.client.synced)
  const files = tree.doc.getMap('files')
  files.set(secret.id, { path: 'mine.md', kind: 'document' })
  files.set(other.tree, { path: 'tree.md', kind: 'document' })
  await until(() => tree.client.unacked === 0)
  for (const path of ['mine.md', 'tree.md', `.meshbook/documents/${secret.id}`, `.meshbook/documents/${other.tree}`]) {
    const sync = await openSync(t, test, `me/demo/${path}`, ann.token)
    assert.equal((await sync.closed).code, 4404, path)
    assert.equal(sync.doc.getText('content').toString(), '')
  }
  assert.equal(await ann.status('GET', `/documents/${secret.id}/content`), 404)
  const run = { document: secret.id, language: 'python', code: '1' }
  assert.equal(await ann.status('POST', '/runs', run), 404)
  assert.equal(await ann.status('POST', '/tickets', { document: secret.id, scope: 'read' }), 404)
})

test('ME5 ME8 events are those of the caller and of shared projects; a change of roles opens the stream anew', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['viewer'])
  const other = await test.json<Project>('POST', '/projects', { name: 'private' })
  const headers = { authorization: `Bearer ${ann.token}` }
  const stream = await fetch(`${test.hub.url}/api/v1/events`, { headers })
  let text = ''
  const read = (async () => {
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })()
  await until(() => text.includes('event: storage'))
  const make = (project: string, path: string) => test.json<DocumentInfo>('POST', '/documents', { project, path })
  const [secret, shared] = [await make(other.id, 'secret.md'), await make(test.project.id, 'shared.md')]
  const run = (document: string, id: string) =>
    test.json('POST', '/runs', { id, document, language: 'python', code: '1' })
  await run(secret.id, 'secret-run')
  await run(shared.id, 'shared-run')
  await until(() => text.includes('shared-run') && text.includes(`"project":"${test.project.id}"`))
  for (const never of ['secret-run', other.id, secret.id]) assert.ok(!text.includes(never), never)
  await setRoles(test, ann, [])
  await read
  const again = await fetch(`${test.hub.url}/api/v1/events`, { headers })
  const reader = again.body!.pipeThrough(new TextDecoderStream()).getReader()
  let after = ''
  while (!after.includes('event: storage')) after += (await reader.read()).value ?? ''
  assert.ok(!after.includes('shared-run') && !after.includes(test.project.id))
  await reader.cancel()
})

test('ME8 the log of a run that somebody watches ends for them with their right to it', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md')
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['viewer'])
  await test.json('POST', '/runs', { id: 'watched', document: id, language: 'python', code: '1' })
  const watch = await ann.api('GET', '/runs/watched/events')
  assert.equal(watch.status, 200)
  const ended = (async () => {
    for await (const _ of watch.body!);
    return performance.now()
  })()
  await new Promise(resolve => setTimeout(resolve, 50))
  const before = performance.now()
  await setRoles(test, ann, [])
  assert.ok((await ended) - before < 200)
  assert.equal(await ann.status('GET', '/runs/watched/events'), 404)
})
