import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import type { DocumentId, RunId } from '@meshbook/core/ids.ts'
import { splitSync } from '@meshbook/core/messages.ts'
import { updateFrame } from '@meshbook/relay/sync-frames.ts'
import * as Y from 'yjs'
import { completed, started, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { addTestDevice, addTestUser, makeMember, openSync, setRoles, type TestUser } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'
import { standsIn } from './standing-cell.ts'

const code = 'print(1)'
const text = `# a\n\n\`\`\`python\n${code}\n\`\`\`\n`

interface World {
  test: TestHub
  id: DocumentId
  ann: TestUser
  desk: TestDevice
}

/** A project of `me` with a device of `me` that has it, and a member with these roles. */
async function world(t: TestContext, roles: string[]): Promise<World> {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', text)
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, roles)
  const desk = new TestDevice('Desk')
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  return { test, id, ann, desk }
}

const newRun = (): RunId => `run-${randomBytes(6).toString('hex')}` as RunId
const ask = (document: DocumentId, more: object = {}) => ({ document, language: 'python', code, ...more })

/** Writes an intent into the document; returns the id of its run and of the structs that hold it. */
function writeIntent(doc: Y.Doc, run = newRun(), written = code) {
  const executions = doc.getMap('executions')
  const fields = { id: run, status: 'requested', code: written, language: 'python' }
  executions.set(run, new Y.Map(Object.entries(fields)))
  return { run, ...structsOf(doc, run) }
}

function structsOf(doc: Y.Doc, run: RunId) {
  const item = doc.getMap('executions')._map.get(run)!
  const entry = doc.getMap('executions').get(run) as Y.Map<unknown>
  const plain = ({ client, clock }: { client: number; clock: number }) => ({ client, clock })
  return {
    author: plain(item.id),
    fields: ['code', 'language', 'id'].map(name => plain(entry._map.get(name)!.id)),
  }
}

async function claimBy(device: TestDevice, document: DocumentId, intent: ReturnType<typeof writeIntent>, asked = code) {
  const { run, author, fields } = intent
  device.send({ type: 'CLAIM', request: { ...ask(document), id: run, code: asked }, author, fields })
  return device.next('RUN_REQUEST', answer => answer.run === run)
}

async function runsOf({ test }: World): Promise<Run[]> {
  return (await test.json<{ items: Run[] }>('GET', '/runs')).items
}

test('ME20 an editor without the right to run runs nothing by POST /runs, nor by a ticket of scope run', async t => {
  const w = await world(t, ['editor'])
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id)), 403)
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id, { id: 'again' })), 403)
  assert.equal(await w.ann.status('POST', '/tickets', { document: w.id, scope: 'run' }), 403)
  assert.equal(await w.ann.status('POST', '/tickets', { project: w.test.project.id, scope: 'run' }), 403)
  assert.deepEqual(await runsOf(w), [])
})

test('ME20 an intent that an editor forges over /sync is refused, whichever device claims it', async t => {
  const w = await world(t, ['editor'])
  const sync = await openSync(t, w.test, 'me/demo/a.md', w.ann.token)
  await until(() => sync.client.synced)
  const intent = writeIntent(sync.doc)
  await until(() => sync.client.unacked === 0)
  const answer = await claimBy(w.desk, w.id, intent)
  assert.deepEqual([answer.answer, answer.code], ['refuse', 'FORBIDDEN'])
  const laptop = new TestDevice('Laptop')
  await addTestDevice(w.ann, laptop)
  await laptop.join(t, w.test.hub, [w.test.project.id])
  const own = await claimBy(laptop, w.id, intent)
  assert.deepEqual([own.answer, own.code], ['refuse', 'FORBIDDEN'])
  assert.deepEqual(await runsOf(w), [])
})

test('ME20 an intent that the own device of an editor delivers and claims is refused', async t => {
  const w = await world(t, ['editor'])
  const laptop = new TestDevice('Laptop')
  await addTestDevice(w.ann, laptop)
  await laptop.join(t, w.test.hub, [w.test.project.id])
  laptop.send({ type: 'OPEN', stream: 1, project: w.test.project.id, document: w.id })
  const doc = new Y.Doc()
  const intent = writeIntent(doc)
  laptop.socket!.send(splitSync(1, updateFrame(Y.encodeStateAsUpdate(doc)))[0]!)
  const answer = await claimBy(laptop, w.id, intent)
  assert.deepEqual([answer.answer, answer.code], ['refuse', 'FORBIDDEN'])
  assert.equal((await claimBy(w.desk, w.id, intent)).code, 'FORBIDDEN')
  assert.deepEqual(await runsOf(w), [])
})

test("ME20 an editor who changes the code of the owner's intent runs nothing", async t => {
  const w = await world(t, ['editor'])
  const owner = await openSync(t, w.test, 'me/demo/a.md', w.test.token)
  const editor = await openSync(t, w.test, 'me/demo/a.md', w.ann.token)
  await until(() => owner.client.synced && editor.client.synced)
  const { run } = writeIntent(owner.doc)
  await until(() => editor.doc.getMap('executions').has(run))
  ;(editor.doc.getMap('executions').get(run) as Y.Map<unknown>).set('code', 'evil()\n')
  await until(() => editor.client.unacked === 0)
  const altered = await claimBy(w.desk, w.id, { run, ...structsOf(editor.doc, run) }, 'evil()\n')
  assert.deepEqual([altered.answer, altered.code], ['refuse', 'FORBIDDEN'])
  const other = writeIntent(owner.doc)
  await until(() => owner.client.unacked === 0)
  w.desk.send({ type: 'CLAIM', request: { ...ask(w.id), id: other.run }, author: other.author, fields: other.fields })
  assert.equal((await w.desk.next('LEASE')).lease.run, other.run)
})

test("ME20 a device of a member does not get the owner's intent with code of its own", async t => {
  const w = await world(t, ['editor', 'runner'])
  const owner = await openSync(t, w.test, 'me/demo/a.md', w.test.token)
  await until(() => owner.client.synced)
  const intent = writeIntent(owner.doc)
  await until(() => owner.client.unacked === 0)
  const laptop = new TestDevice('Laptop')
  await addTestDevice(w.ann, laptop)
  await laptop.join(t, w.test.hub, [w.test.project.id])
  assert.equal((await claimBy(laptop, w.id, intent, 'evil()\n')).code, 'FORBIDDEN')
  assert.deepEqual(await runsOf(w), [])
})

test('ME21 a runner without the right to write runs a cell as it stands and no code of their own', async t => {
  const w = await world(t, ['runner'])
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id, { code: 'evil()\n' })), 403)
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id, { language: 'bash' })), 403)
  const run = await w.ann.json<Run>('POST', '/runs', ask(w.id, { cell: { by: 'index', index: 0 } }))
  const { lease } = await w.desk.next('LEASE')
  assert.deepEqual([lease.run, lease.requestedBy, lease.code], [run.id, 'ann', code])
  await w.desk.emit(lease, 1, [started, completed])
  await until(async () => (await w.ann.json<Run>('GET', `/runs/${run.id}`)).status === 'completed')
  const log = await w.ann.api('GET', `/runs/${run.id}/events`)
  assert.match(await log.text(), /"type":"completed"/)
  const hash = createHash('sha256').update('evil()\n').digest('hex')
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id, { code: 'evil()\n', codeHash: hash })), 403)
  const sync = await openSync(t, w.test, 'me/demo/a.md', w.ann.token)
  await until(() => sync.client.synced)
  writeIntent(sync.doc)
  assert.equal((await sync.closed).code, 4403)
})

test('ME21 the cell must stand there now: an edit takes the right to run what it was, and gives that to run what it is', async t => {
  const w = await world(t, ['runner'])
  const owner = await openSync(t, w.test, 'me/demo/a.md', w.test.token)
  await until(() => owner.client.synced)
  const content = owner.doc.getText('content')
  content.delete(content.toString().indexOf('1'), 1)
  content.insert(content.toString().indexOf(')'), '2')
  await until(() => owner.client.unacked === 0)
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id)), 403)
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id, { code: 'print(2)' })), 201)
})

test('ME21 code in an output, in prose or under another language does not stand there as a cell', () => {
  const request = { language: 'python', code: 'x = 1' }
  assert.equal(standsIn('```python\nx = 1\n```\n', request), true)
  assert.equal(standsIn('```py\nx = 1\n```\n', request), true)
  assert.equal(standsIn('```python\ny\n```\n\n````output:r1\n```python\nx = 1\n```\n````\n', request), false)
  assert.equal(standsIn('x = 1\n', request), false)
  assert.equal(standsIn('> ```python\n> x = 1\n> ```\n', request), false)
  assert.equal(standsIn('```bash\nx = 1\n```\n', request), false)
  assert.equal(standsIn('', request), false)
})

test("ME22 RT5 a member's run goes to a device of the owner that takes it, and is refused with its reason when none does", async t => {
  const w = await world(t, ['editor', 'runner'])
  await w.test.json('PATCH', `/devices/${w.desk.id}`, { policy: { runsOfOthers: 'never' } })
  const run = await w.ann.json<Run>('POST', '/runs', ask(w.id, { code: 'own()\n' }))
  const shown = () => w.ann.json<Run>('GET', `/runs/${run.id}`)
  await until(async () => (await shown()).status === 'failed')
  assert.match((await shown()).reasons.join(' '), /Desk takes no runs of other people|Pair a computer of your own/)
  const own = await w.test.json<Run>('POST', '/runs', ask(w.id, { session: 'mine' }))
  assert.equal((await w.desk.next('LEASE')).lease.run, own.id)
  await w.test.json('PATCH', `/devices/${w.desk.id}`, { policy: { runsOfOthers: 'owned' } })
  const again = await w.ann.json<Run>('POST', '/runs', ask(w.id, { code: 'own()\n' }))
  assert.equal((await w.desk.next('LEASE')).lease.run, again.id)
})

test('ME22 what a member waits for begins when their own device comes, and a session that is held there is waited for (I4)', async t => {
  const w = await world(t, ['editor', 'runner'])
  await w.test.json('PATCH', `/devices/${w.desk.id}`, { policy: { runsOfOthers: 'never' } })
  const laptop = new TestDevice('Laptop')
  await addTestDevice(w.ann, laptop)
  await laptop.join(t, w.test.hub, [w.test.project.id])
  await laptop.drop()
  const run = await w.ann.json<Run>('POST', '/runs', ask(w.id))
  await until(async () => (await w.ann.json<Run>('GET', `/runs/${run.id}`)).reasons.length > 0)
  assert.equal((await w.ann.json<Run>('GET', `/runs/${run.id}`)).status, 'queued')
  await laptop.join(t, w.test.hub, [w.test.project.id])
  const { lease } = await laptop.next('LEASE')
  assert.equal(lease.run, run.id)
  await laptop.emit(lease, 1, [started, completed])
  // It does not answer, but may rely on its lease: the owner's run does not begin elsewhere meanwhile.
  await laptop.drop()
  const own = await w.test.json<Run>('POST', '/runs', ask(w.id))
  await until(async () => (await w.test.json<Run>('GET', `/runs/${own.id}`)).reasons.length > 0)
  const waits = await w.test.json<Run>('GET', `/runs/${own.id}`)
  assert.deepEqual([waits.status, /Laptop/.test(waits.reasons.join(' '))], ['queued', true])
})

test("ME22 a member's run goes to their own device that has the project, with its log and its end", async t => {
  const w = await world(t, ['editor', 'runner'])
  await w.test.json('PATCH', `/devices/${w.desk.id}`, { policy: { runsOfOthers: 'never' } })
  const laptop = new TestDevice('Laptop')
  await addTestDevice(w.ann, laptop)
  await laptop.join(t, w.test.hub, [w.test.project.id])
  const run = await w.ann.json<Run>('POST', '/runs', ask(w.id))
  const { lease } = await laptop.next('LEASE')
  assert.equal(lease.run, run.id)
  const { session, head, fence } = lease
  laptop.send({ type: 'RUNTIME_UP', session, head, fence, language: 'python', kernel: 'python' })
  assert.deepEqual((await laptop.emit(lease, 1, [started])).seq, 1)
  // It comes back after a cut with what it holds, and goes on.
  await laptop.drop()
  const held = { heads: [{ session, head, fence }], runs: [{ run: run.id, fence, seq: 1 }] }
  const welcome = await laptop.join(t, w.test.hub, [w.test.project.id], held)
  assert.deepEqual([welcome.lost, welcome.runs], [[], [{ run: run.id, fence, seq: 1 }]])
  assert.deepEqual((await laptop.emit(lease, 2, [completed])).seq, 2)
  const shown = await w.test.json<Run>('GET', `/runs/${run.id}`)
  assert.deepEqual([shown.status, shown.deviceName, shown.requestedBy], ['completed', 'Laptop', 'ann'])
  // The owner's own run does not go to the member's device.
  const own = await w.test.json<Run>('POST', '/runs', ask(w.id))
  assert.equal((await w.desk.next('LEASE')).lease.run, own.id)
})

test('ME8 ME22 what a former member has under way on their own device ends, and the device is told', async t => {
  const w = await world(t, ['editor', 'runner'])
  await w.test.json('PATCH', `/devices/${w.desk.id}`, { policy: { runsOfOthers: 'never' } })
  const laptop = new TestDevice('Laptop')
  await addTestDevice(w.ann, laptop)
  await laptop.join(t, w.test.hub, [w.test.project.id])
  const run = await w.ann.json<Run>('POST', '/runs', ask(w.id))
  const { lease } = await laptop.next('LEASE')
  await laptop.emit(lease, 1, [started])
  await setRoles(w.test, w.ann, ['editor'])
  assert.equal((await laptop.next('RUN_CANCEL')).run, run.id)
  assert.equal((await w.test.json<Run>('GET', `/runs/${run.id}`)).status, 'cancelled')
  assert.ok((await laptop.emit(lease, 2, [completed])).refused)
})

test('ME8 what a former member has under way on a device of the owner is cancelled', async t => {
  const w = await world(t, ['runner'])
  const run = await w.ann.json<Run>('POST', '/runs', ask(w.id))
  const { lease } = await w.desk.next('LEASE')
  await w.desk.emit(lease, 1, [started])
  await setRoles(w.test, w.ann, [])
  assert.equal((await w.desk.next('RUN_CANCEL')).run, run.id)
  assert.equal(await w.ann.status('GET', `/runs/${run.id}`), 404)
})

test('ME23 an intent that was written while its writer might run is refused once they may not', async t => {
  const w = await world(t, ['editor', 'runner'])
  const sync = await openSync(t, w.test, 'me/demo/a.md', w.ann.token)
  await until(() => sync.client.synced)
  const [early, late] = [writeIntent(sync.doc), writeIntent(sync.doc)]
  await until(() => sync.client.unacked === 0)
  w.desk.send({ type: 'CLAIM', request: { ...ask(w.id), id: early.run }, author: early.author, fields: early.fields })
  assert.equal((await w.desk.next('LEASE')).lease.requestedBy, 'ann')
  await setRoles(w.test, w.ann, ['editor'])
  assert.equal((await claimBy(w.desk, w.id, late)).code, 'FORBIDDEN')
})

test('ME24 members with the right to run cancel what runs in the project, others do not', async t => {
  const w = await world(t, ['editor'])
  const run = await w.test.json<Run>('POST', '/runs', ask(w.id))
  const { lease } = await w.desk.next('LEASE')
  assert.equal(await w.ann.status('POST', `/runs/${run.id}/cancel`, {}), 403)
  assert.equal(await w.ann.status('POST', `/sessions/${lease.session}/interrupt`, {}), 403)
  await setRoles(w.test, w.ann, ['runner'])
  assert.equal(await w.ann.status('POST', `/runs/${run.id}/cancel`, {}), 200)
  assert.equal((await w.desk.next('RUN_CANCEL')).run, run.id)
})

test('ME3 a run of another project of the same owner is not told to who asks for one with its id', async t => {
  const w = await world(t, ['runner', 'editor'])
  const other = await w.test.json<{ id: string }>('POST', '/projects', { name: 'private' })
  const secret = await w.test.json<{ id: DocumentId }>('POST', '/documents', { project: other.id, path: 's.md' })
  await w.test.json('POST', '/runs', ask(secret.id, { id: 'taken' }))
  assert.equal(await w.ann.status('GET', '/runs/taken'), 404)
  assert.equal(await w.ann.status('POST', '/runs', ask(w.id, { id: 'taken' })), 409)
  assert.equal(await w.ann.status('POST', '/runs', ask(secret.id, { id: 'taken' })), 404)
})
