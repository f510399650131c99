import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { AuditEntry, Version } from '@meshbook/core/api.ts'
import type { Publication, PublicationState } from '@meshbook/core/publish-api.ts'
import * as Y from 'yjs'
import { openDocument } from '../testing/open-document.ts'
import { type RawAnswer, rawRequest } from '../testing/raw-request.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'
import { addTestUser, makeMember } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

const png = Buffer.from('89504e470d0a1a0a', 'hex')
const asset = `sha256-${createHash('sha256').update(png).digest('hex')}`
const text = `# Report\n\nfirst words\n\n![](asset:${asset})\n`

async function start(t: TestContext, options: TestHubOptions = {}) {
  const test = await startTestHub(t, options)
  const document = await test.document('notes/report.md', text)
  const publish = (body: object): Promise<Publication> => test.json('PUT', `/publications/${document.id}`, body)
  const read = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<RawAnswer> =>
    rawRequest(test.hub.url + path, { method, headers })
  const type = async (words: string): Promise<void> => {
    const doc = openDocument(t, test, 'notes/report.md')
    await until(() => doc.getText('content').length > 0)
    doc.getText('content').insert(doc.getText('content').length, words)
    const content = async () => (await test.api('GET', `/documents/${document.id}/content`)).text()
    await until(async () => (await content()).includes(words))
  }
  return { test, document, publish, read, type }
}

async function putAsset({ hub, token }: TestHub): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  await rawRequest(`${hub.url}/api/v1/assets/${asset}`, { method: 'PUT', headers, body: png })
}

const page = '/@me/demo/notes/report'

test('PB10 PB12 a document is read by everybody once it is published, and by nobody once it is taken back', async t => {
  const { test, document, publish, read } = await start(t)
  assert.equal((await read(page)).status, 404)
  const said = await publish({ mode: 'continuous' })
  assert.equal(said.url, `${test.hub.url}${page}`)
  for (const path of [page, `${page}.md`]) {
    const answer = await read(path)
    assert.equal(answer.status, 200)
    assert.match(answer.text, /<h1 id="report">Report[\s\S]*first words/)
  }
  const state = await test.json<PublicationState>('GET', `/publications/${document.id}`)
  assert.deepEqual(state.publication, said)
  const list = await test.json<{ items: Publication[] }>('GET', `/publications?project=${test.project.id}`)
  assert.deepEqual(list.items, [said])
  await test.json('DELETE', `/publications/${document.id}`)
  assert.equal((await read(page)).status, 404)
  await test.json('DELETE', `/publications/${document.id}`)
  assert.deepEqual(await test.json('GET', `/publications/${document.id}`), { publication: null })
})

test('PB11 what is not published looks like what is not there', async t => {
  const { test, publish, read } = await start(t)
  await publish({ mode: 'continuous' })
  await test.document('secret.md', '# Secret')
  const paths = [
    '/@me/demo/secret',
    '/@me/demo/secret.md',
    '/@me/demo/nothing',
    '/@me/other/x',
    '/@nobody/demo/secret',
    '/@me/demo/.meshbook/tree',
    '/@me/demo/notes/..%2fsecret',
    '/@me/demo/%ff%fe',
    '/@me/demo/notes%00/report',
    `/@me/demo/_assets/sha256-${'0'.repeat(64)}`,
    '/@me/demo/_assets/x',
  ]
  const shapes = new Set<string>()
  for (const path of paths) {
    const { status, text: body, headers } = await read(path)
    const { 'x-request-id': _, date: __, ...rest } = headers
    shapes.add(JSON.stringify([status, body, rest]))
    assert.equal(status, 404, path)
  }
  assert.equal(shapes.size, 1)
})

test('PB16 S10 a page has headers by which nothing runs, no cookie goes either way, and no other method is answered', async t => {
  const { publish, read } = await start(t)
  await publish({ mode: 'continuous' })
  const plain = await read(page)
  const policy = String(plain.headers['content-security-policy'])
  const meta = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(plain.text)![1]!
  assert.match(
    policy,
    /^sandbox(?: allow-popups| allow-popups-to-escape-sandbox)*; default-src 'none'; img-src 'self' data:; style-src 'sha256-/,
  )
  assert.ok(policy.includes(meta))
  assert.match(policy, /frame-ancestors 'none'/)
  const expected = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'x-robots-tag': 'noindex, nofollow',
    'cache-control': 'public, max-age=0, must-revalidate',
    'set-cookie': undefined,
    'access-control-allow-origin': undefined,
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(plain.headers[name], value, name)
  const withCookie = await read(page, { cookie: 'mb_session=x; __Host-mb_session=y', authorization: 'Bearer mb_wrong' })
  assert.deepEqual([withCookie.status, withCookie.text], [200, plain.text])
  assert.equal(withCookie.headers['set-cookie'], undefined)
  for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await read(page, {}, method)).status, 405)
})

test('PB15 a page that stands is not sent again, and HEAD is answered', async t => {
  const { test, publish, read, type } = await start(t)
  await publish({ mode: 'continuous' })
  const first = await read(page)
  const etag = String(first.headers.etag)
  const known = await read(page, { 'if-none-match': etag })
  assert.deepEqual([known.status, known.text], [304, ''])
  assert.equal(known.headers['content-security-policy'], first.headers['content-security-policy'])
  const since = { 'if-modified-since': String(first.headers['last-modified']) }
  assert.equal((await read(page, since)).status, 304)
  const head = await read(page, {}, 'HEAD')
  assert.deepEqual([head.status, head.text], [200, ''])
  assert.equal(head.headers['content-length'], String(Buffer.byteLength(first.text)))
  await type('more words')
  test.clock.offsetMs += 3_600_000
  assert.equal((await read(page, { 'if-none-match': etag })).status, 200)
})

test('PB15 a continuous page follows the document, and is made anew only every so often', async t => {
  const { test, publish, read, type } = await start(t)
  await publish({ mode: 'continuous' })
  await read(page)
  await type('second words')
  const soon = await read(page)
  test.clock.offsetMs += 3_600_000
  const later = await read(page)
  assert.doesNotMatch(soon.text, /second words/)
  assert.match(later.text, /second words/)
})

test('PB18 a page is sent compressed to who asks for that, each form with a tag of its own', async t => {
  const { publish, read } = await start(t)
  await publish({ mode: 'continuous' })
  const plain = await fetchRaw(read, page, undefined)
  assert.deepEqual([plain.headers['content-encoding'], plain.headers.vary], [undefined, 'accept-encoding'])
  const tags = new Set([plain.headers.etag])
  for (const accepts of ['gzip', 'br']) {
    const answer = await fetchRaw(read, page, accepts)
    assert.deepEqual([answer.headers['content-encoding'], answer.headers.vary], [accepts, 'accept-encoding'])
    assert.ok(Number(answer.headers['content-length']) < Buffer.byteLength(plain.text))
    const again = { 'accept-encoding': accepts, 'if-none-match': String(answer.headers.etag) }
    assert.equal((await read(page, again)).status, 304)
    assert.equal((await read(page, { ...again, 'accept-encoding': 'identity' })).status, 200)
    tags.add(answer.headers.etag)
  }
  assert.equal(tags.size, 3)
})

const fetchRaw = (
  read: (path: string, headers?: Record<string, string>) => Promise<RawAnswer>,
  path: string,
  accepts: string | undefined,
) => read(path, accepts === undefined ? {} : { 'accept-encoding': accepts })

test('PB19 PB11 what is published of a project is listed, and where nothing is there is no list', async t => {
  const { test, document, publish, read } = await start(t)
  const lists = ['/@me/demo/', '/@me/demo']
  const nowhere = await read('/@me/nothing/x')
  const isNothing = async (path: string) => {
    const { status, text: body } = await read(path)
    assert.deepEqual([status, body], [404, nowhere.text], path)
  }
  for (const path of [...lists, '/@nobody/demo/', '/@me/nothing/']) await isNothing(path)
  await test.document('secret.md', '# Secret')
  await publish({ mode: 'continuous', indexed: true })
  const other = await test.document('a & b.md', '# B')
  await test.json('PUT', `/publications/${other.id}`, { mode: 'pinned' })
  for (const path of lists) {
    const { text: body, headers, status } = await read(path)
    assert.equal(status, 200)
    assert.match(body, /<a href="\/@me\/demo\/a%20%26%20b">a &amp; b<\/a>[\s\S]*<a href="\/@me\/demo\/notes\/report">/)
    assert.doesNotMatch(body, /secret/i)
    assert.equal(headers['x-robots-tag'], 'noindex, nofollow')
    assert.equal(headers['content-security-policy'], (await read(page)).headers['content-security-policy'])
  }
  await test.json('DELETE', `/publications/${other.id}`)
  assert.equal((await read(lists[0]!)).headers['x-robots-tag'], undefined)
  await test.json('DELETE', `/publications/${document.id}`)
  for (const path of lists) await isNothing(path)
})

test('PB20 an output whose script is what it shows has a page of its own, as long as the published page shows it', async t => {
  const { test, document, publish, read } = await start(t)
  const doc = openDocument(t, test, 'notes/report.md')
  await until(() => doc.getText('content').length > 0)
  const program = '<div id="x"></div><script>x.textContent = "drawn"</script>'
  const parts = [
    { at: 'inline', mimeType: 'text/html', data: program },
    { at: 'inline', mimeType: 'text/plain', data: '<Figure>' },
  ]
  const entry = new Y.Map<unknown>(Object.entries({ id: 'run-1', status: 'completed', displayData: [{ parts }] }))
  doc.transact(() => {
    doc.getMap('executions').set('run-1', entry)
    doc.getText('content').insert(0, '```python\nf\n```\n\n```output:run-1\n<Figure>\n```\n\n')
  })
  await until(async () => (await (await test.api('GET', `/documents/${document.id}/content`)).text()).includes('run-1'))
  assert.equal((await read(`${page}?output=run-1.0`)).status, 404)
  await publish({ mode: 'pinned' })
  const shown = (await read(page)).text
  assert.match(shown, /<a href="\?output=run-1\.0">Open the interactive figure<\/a>/)
  assert.doesNotMatch(shown, /&lt;Figure&gt;|drawn/)
  const answer = await read(`${page}?output=run-1.0`)
  const policy = String(answer.headers['content-security-policy'])
  assert.match(policy, /^sandbox allow-scripts; default-src 'none'; /)
  for (const part of ["connect-src 'none'", "frame-src 'none'", "form-action 'none'", "frame-ancestors 'none'"])
    assert.ok(policy.includes(part), part)
  assert.match(answer.text, /<iframe sandbox="allow-scripts" [^>]*srcdoc="[^"]*&lt;script&gt;x\.textContent/)
  assert.doesNotMatch(answer.text, /<script/)
  assert.equal(answer.headers['x-robots-tag'], 'noindex, nofollow')
  for (const output of ['run-1.1', 'run-2.0', '', '__proto__'])
    assert.equal((await read(`${page}?output=${output}`)).status, 404, output)
  await test.json('DELETE', `/publications/${document.id}`)
  assert.equal((await read(`${page}?output=run-1.0`)).status, 404)
})

test('PB14 a pinned page stays while the document changes, and its version is never thinned out', async t => {
  const { test, document, publish, read, type } = await start(t)
  const pinned = await publish({ mode: 'pinned' })
  assert.equal(pinned.version, 1)
  const before = await read(page)
  for (let n = 0; n < 14; n++) {
    await type(`later ${n}`)
    await test.json('POST', `/documents/${document.id}/versions`, {})
  }
  // A year later all of these are in one week, of which only the last version stays, were it not held.
  test.clock.offsetMs += 365 * 86_400_000
  await type('a year later')
  await test.json('POST', `/documents/${document.id}/versions`, {})
  const versions = async () =>
    (await test.json<{ items: Version[] }>('GET', `/documents/${document.id}/versions`)).items.map(one => one.version)
  await until(async () => !(await versions()).includes(2))
  assert.ok((await versions()).includes(1))
  assert.equal((await read(page)).text, before.text)
  await test.restart()
  assert.equal((await read(page)).text, before.text)
  assert.match(before.text, /Version 1, /)
  const [newest] = await versions()
  assert.equal((await publish({ mode: 'pinned', version: newest! })).version, newest)
  assert.match((await read(page)).text, /a year later/)
  assert.equal((await test.api('PUT', `/publications/${document.id}`, { mode: 'pinned', version: 99 })).status, 404)
  assert.equal((await test.api('PUT', `/publications/${document.id}`, { mode: 'continuous', version: 1 })).status, 400)
})

test('PB14 what the runs of a pinned version displayed stays with it', async t => {
  const { test, document, publish, read } = await start(t)
  const doc = openDocument(t, test, 'notes/report.md')
  await until(() => doc.getText('content').length > 0)
  const result = { parts: [{ at: 'inline', mimeType: 'text/html', data: '<table><tr><td>kept</td></tr></table>' }] }
  const entry = new Y.Map<unknown>(Object.entries({ id: 'run-1', status: 'completed', code: 'f', result }))
  doc.transact(() => {
    doc.getMap('executions').set('run-1', entry)
    doc.getText('content').insert(0, '```python\nf\n```\n\n```output:run-1\n```\n\n')
  })
  await until(async () => (await (await test.api('GET', `/documents/${document.id}/content`)).text()).includes('run-1'))
  await publish({ mode: 'pinned' })
  doc.getMap('executions').delete('run-1')
  doc.getText('content').insert(0, 'changed ')
  await until(async () =>
    (await (await test.api('GET', `/documents/${document.id}/content`)).text()).startsWith('changed'),
  )
  await test.restart()
  assert.match((await read(page)).text, /<td>kept<\/td>/)
})

test('PB4 an asset is had by everybody while a published page shows it, and not before or after', async t => {
  const { test, document, publish, read } = await start(t)
  await putAsset(test)
  const path = `/@me/demo/_assets/${asset}`
  assert.equal((await read(path)).status, 404)
  await publish({ mode: 'continuous' })
  const named = /<img src="([^"]+)"/.exec((await read(page)).text)![1]!.replaceAll('&amp;', '&')
  assert.ok(named.startsWith(path))
  for (const url of [named, path]) {
    const answer = await read(url)
    assert.equal(answer.status, 200, url)
    assert.equal(answer.headers['content-type'], 'image/png')
    // The page is in an origin of its own, for which the hub is another one.
    assert.equal(answer.headers['cross-origin-resource-policy'], 'cross-origin')
    assert.match(String(answer.headers['content-security-policy']), /sandbox/)
  }
  assert.equal((await read(path, { 'if-none-match': `"${asset}"` })).status, 304)
  const other = await test.document('other.md', 'nothing')
  await test.json('PUT', `/publications/${other.id}`, { mode: 'continuous' })
  await test.json('DELETE', `/publications/${document.id}`)
  for (const url of [named, path]) assert.equal((await read(url)).status, 404, url)
})

test('PB13 a renamed document keeps its page, and its old addresses lead there', async t => {
  const { test, document, publish, read } = await start(t)
  await publish({ mode: 'continuous' })
  for (const path of ['second.md', 'third name.md']) await test.json('PATCH', `/documents/${document.id}`, { path })
  const state = await test.json<PublicationState>('GET', `/publications/${document.id}`)
  assert.equal(state.publication!.url, `${test.hub.url}/@me/demo/third%20name`)
  assert.equal((await read('/@me/demo/third%20name')).status, 200)
  for (const old of [page, `${page}.md`, '/@me/demo/second']) {
    const answer = await read(old)
    assert.deepEqual([answer.status, answer.headers.location], [301, '/@me/demo/third%20name'], old)
  }
  const next = await test.document('second.md', '# Next')
  assert.equal((await read('/@me/demo/second')).status, 301)
  await test.json('PUT', `/publications/${next.id}`, { mode: 'continuous' })
  assert.match((await read('/@me/demo/second')).text, /Next/)
  await test.json('DELETE', `/publications/${document.id}`)
  assert.equal((await read(page)).status, 404)
})

test('PB13 a deleted document has no page, and one that is brought back has it again', async t => {
  const { test, document, publish, read } = await start(t)
  await publish({ mode: 'continuous' })
  await test.json('POST', `/documents/${document.id}/versions`, {})
  await test.json('DELETE', `/documents/${document.id}`)
  assert.equal((await read(page)).status, 404)
  await test.json('POST', `/documents/${document.id}/restore`, { version: 1, request: 'back-again' })
  assert.equal((await read(page)).status, 200)
})

test('PB10 only an owner publishes, with every scope; members see it; the log says who did', async t => {
  const { test, document, publish } = await start(t)
  const users = { viewer: 403, editor: 403, owner: 200 }
  for (const [role, status] of Object.entries(users)) {
    const user = await addTestUser(test, role)
    await makeMember(test, user, [role])
    assert.equal(await user.status('PUT', `/publications/${document.id}`, { mode: 'continuous' }), status, role)
    assert.equal(await user.status('GET', `/publications/${document.id}`), 200, role)
  }
  const stranger = await addTestUser(test, 'stranger')
  assert.equal(await stranger.status('GET', `/publications/${document.id}`), 404)
  assert.equal(await stranger.status('GET', `/publications?project=${test.project.id}`), 404)
  const { token } = await test.json<{ token: string }>('POST', '/tokens', { name: 'w', scopes: ['read', 'write'] })
  const narrow = { authorization: `Bearer ${token}` }
  assert.equal((await test.api('DELETE', `/publications/${document.id}`, undefined, narrow)).status, 403)
  await publish({ mode: 'pinned' })
  await test.json('DELETE', `/publications/${document.id}`)
  const { items } = await test.json<{ items: AuditEntry[] }>('GET', '/audit')
  const said = items.map(({ action }) => action).filter(action => /publish/.test(action))
  assert.deepEqual(said, ['document-unpublished', 'document-published', 'document-published'])
})

test('PB6 a document that would hang the hub is shown as plain text, and the hub answers meanwhile', async t => {
  const { test, read } = await start(t, { limits: { publishRenderMs: 1_000 } })
  const hostile = await test.document('hostile.md', `# T\n\n${'a'.repeat(150_000)}@`)
  await test.json('PUT', `/publications/${hostile.id}`, { mode: 'continuous' })
  let isDone = false
  const slow = read('/@me/demo/hostile').then(answer => {
    isDone = true
    return answer
  })
  assert.equal((await read('/healthz')).status, 200)
  assert.equal(isDone, false)
  const answer = await slow
  assert.equal(answer.status, 200)
  assert.match(answer.text, /<pre class="code"[^>]*><code># T\n\naaaa/)
})

test('PB6 a document nested too deeply for a parser is shown as plain text', async t => {
  const { test, read } = await start(t)
  const deep = await test.document('deep.md', '>'.repeat(12_000))
  await test.json('PUT', `/publications/${deep.id}`, { mode: 'continuous' })
  assert.match((await read('/@me/demo/deep')).text, /<pre class="code"[^>]*><code>&gt;&gt;/)
})

test('PB16 search engines are let in only where somebody says so', async t => {
  const { publish, read } = await start(t)
  await publish({ mode: 'continuous', indexed: true })
  const answer = await read(page)
  assert.equal(answer.headers['x-robots-tag'], undefined)
  assert.doesNotMatch(answer.text, /name="robots"/)
  assert.equal((await publish({ mode: 'pinned' })).indexed, true)
  assert.equal((await publish({ mode: 'pinned', indexed: false })).indexed, false)
  assert.equal((await publish({ mode: 'continuous' })).indexed, false)
})

test('PB17 S10 with an origin of their own pages are there and nothing else is, and they are nowhere else', async t => {
  const { test, publish, read } = await start(t, { env: { MESHBOOK_PUBLISH_URL: 'https://pages.example' } })
  await putAsset(test)
  const said = await publish({ mode: 'continuous' })
  assert.equal(said.url, `https://pages.example${page}`)
  const there = { host: 'pages.example' }
  assert.equal((await read(page, there)).status, 200)
  assert.equal((await read(`/@me/demo/_assets/${asset}`, there)).status, 200)
  const own = { ...there, authorization: `Bearer ${test.token}` }
  const shapes = new Set<string>()
  for (const path of ['/', '/signin', '/api/v1/me', '/api/v1/openapi.json', '/healthz', '/@me/demo/no', '/p/demo/x']) {
    const { status, text: body } = await read(path, own)
    shapes.add(`${status} ${body}`)
  }
  assert.equal(shapes.size, 1)
  assert.match([...shapes][0]!, /^404 /)
  const upgrade = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'x'.repeat(22),
  }
  assert.equal((await read('/sync/me/demo/notes/report.md', { ...own, ...upgrade })).status, 404)
  const elsewhere = await read(page)
  assert.deepEqual([elsewhere.status, elsewhere.headers.location], [302, `https://pages.example${page}`])
  assert.equal((await read('/@me/demo/no')).status, 302)
})
