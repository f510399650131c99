/** What a hub changes and others must hear of is noted with the change (CH1, CH8); what is not says here why not. */
import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type DocumentId, deviceIdOf, newId, systemRandom } from '@meshbook/core/ids.ts'
import { hubModule } from '@meshbook/hub/store/hub-store.ts'
import { notesNews } from '@meshbook/hub/store/news.ts'
import { type HubProcedures, procedures } from '@meshbook/hub/store/procedures.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { TestPostgres } from '../postgres.ts'

const server = await TestPostgres.start({ after })

const readWhenAsked = 'whoever needs it reads the store at the moment'
const ownWords = 'it is told in the words of another change in the same call of the hub'
const ofThisHub = 'it is about this hub, or about what only it has in its hands'
const everyHubLooks = 'every hub looks for what is due by itself'
const restWithTheirTurn = 'it throws away what nobody may ask for any more'

/** Procedures that change something and tell nobody, and why nobody else needs to hear. */
const quiet: Record<string, string> = {
  askParts: readWhenAsked,
  askedLeftHead: everyHubLooks,
  audited: 'it is what it calls, which is looked up by its name',
  addHook: readWhenAsked,
  addInvitation: readWhenAsked,
  addLink: readWhenAsked,
  addPasskey: readWhenAsked,
  addTicket: readWhenAsked,
  addToken: readWhenAsked,
  addUser: readWhenAsked,
  addWay: readWhenAsked,
  addWorker: ofThisHub,
  allowTaskCell: 'the run that comes of it is told',
  adoptDocument: 'the tree of the project brings it, which every hub follows',
  adoptProject: readWhenAsked,
  beatHub: 'each hub reads the beats when it beats itself',
  beginAttempt: readWhenAsked,
  beginParts: readWhenAsked,
  beginUpload: readWhenAsked,
  closeTaskCell: everyHubLooks,
  cancelPairing: 'both sides ask again and again until it is over',
  claimAsset: readWhenAsked,
  noteTaskBase: ofThisHub,
  releaseTask: ofThisHub,
  claimDelivery: everyHubLooks,
  claimPairing: 'both sides ask again and again until it is over',
  computeKeys: readWhenAsked,
  confirmDelivery: readWhenAsked,
  confirmWay: readWhenAsked,
  dataKey: readWhenAsked,
  deleteTask: readWhenAsked,
  describeDevice: 'the device enters its presence right after it, which is told',
  dropInvitation: readWhenAsked,
  dropRecord: restWithTheirTurn,
  dropRestoring: readWhenAsked,
  dropUpload: readWhenAsked,
  ensureProject: readWhenAsked,
  enterWorkflowPlace: 'what it makes due, every hub looks for; whom it replaces hears when its lease is renewed',
  expireLog: restWithTheirTurn,
  finishParts: readWhenAsked,
  finishUpload: readWhenAsked,
  firstUser: 'there was nobody before',
  freeWorkflowRuns: everyHubLooks,
  gaveKeys: readWhenAsked,
  giveBackHeads: 'the device leaves its presence right after it, which is told',
  heardNews: 'whoever waits for it asks again and again',
  holdModelCall: readWhenAsked,
  inviteMember: readWhenAsked,
  keepChanges: everyHubLooks,
  linkIdentity: readWhenAsked,
  makeModelKey: readWhenAsked,
  makeCode: ofThisHub,
  makeTest: ofThisHub,
  markAssets: ofThisHub,
  newGrant: readWhenAsked,
  newPairing: readWhenAsked,
  noteAudit: readWhenAsked,
  noteHookDelivery: readWhenAsked,
  noteHookRefusal: readWhenAsked,
  noteTriggerOutcome: readWhenAsked,
  pinTrigger: everyHubLooks,
  planNotices: everyHubLooks,
  tellFromWorkflow: everyHubLooks,
  pollGrant: 'the one who asks is the only one who waits',
  putKey: readWhenAsked,
  putRestoring: readWhenAsked,
  pushKeys: 'a hub reads it when it starts, and it never changes',
  recordDocument: ofThisHub,
  recordOldRuns: ofThisHub,
  removeKey: readWhenAsked,
  removeHook: readWhenAsked,
  removeTrigger: everyHubLooks,
  removePasskey: readWhenAsked,
  removeWay: readWhenAsked,
  removed: ofThisHub,
  renamePasskey: readWhenAsked,
  renewHeads: 'a lease that goes on is no news; one that ends is read when somebody wants it',
  renewWorkflowRuns: 'a lease that goes on is no news; one that ends, every hub looks for',
  restWorkflowRun: everyHubLooks,
  rotateHook: readWhenAsked,
  saveUpload: readWhenAsked,
  saveWorkflowCheckpoint: 'it is read by whoever takes the run',
  sawDevice: 'the presence of the device tells how it is',
  sealPlainWays: 'it happens when a hub starts, and changes nothing that anybody is shown',
  spendCodeTry: readWhenAsked,
  sealAgain: 'it happens when a hub starts, and changes nothing that anybody is shown',
  setLooking: readWhenAsked,
  setMonthBudget: readWhenAsked,
  setNotifySettings: readWhenAsked,
  setRetention: readWhenAsked,
  setSealKey: ownWords,
  settleDelivery: everyHubLooks,
  settleLeftCalls: everyHubLooks,
  settleModelCall: readWhenAsked,
  settleRestore: 'no hub runs while a backup is restored',
  stopWorker: ofThisHub,
  sweepAssets: ofThisHub,
  sweepMoves: restWithTheirTurn,
  sweepNews: restWithTheirTurn,
  sweepNotices: restWithTheirTurn,
  sweepParts: restWithTheirTurn,
  turnTrigger: everyHubLooks,
  takeAttempt: readWhenAsked,
  takeDeviceOrders: ofThisHub,
  takeHubOrders: ofThisHub,
  takeRedirect: readWhenAsked,
  toldMove: everyHubLooks,
  touchDocuments: readWhenAsked,
  touchKey: readWhenAsked,
  trimAudit: restWithTheirTurn,
  turnDataKey: readWhenAsked,
  turnToken: 'the next registration reads it; a token that was used up shuts the device out, which is told',
  turnHook: readWhenAsked,
  unlinkIdentity: readWhenAsked,
  useKey: readWhenAsked,
  useSnapshot: readWhenAsked,
  useTicket: readWhenAsked,
  usedWorkers: ofThisHub,
  withdrawInvitation: readWhenAsked,
}

/** Those that the hub calls to change something, by its own source. */
async function changing(): Promise<Set<string>> {
  const called = new Set<string>()
  const folder = join(import.meta.dirname, '../../packages/hub/src')
  for await (const file of glob('**/*.ts', { cwd: folder })) {
    if (file.endsWith('.test.ts') || file.startsWith('testing')) continue
    const text = await readFile(join(folder, file), 'utf8')
    for (const [, name = ''] of text.matchAll(/\bcall\(\s*'(\w+)'/g))
      if (Object.hasOwn(procedures, name)) called.add(name)
  }
  return called
}

test('CH8 a procedure that changes something tells the other hubs, or says here why they need not hear', async () => {
  const called = await changing()
  assert.ok(called.size > 80, 'the source is read')
  const silent = [...called].filter(name => !notesNews(procedures[name as keyof typeof procedures]))
  assert.deepEqual(silent.sort(), Object.keys(quiet).sort())
})

const now = 1_800_000_000_000
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)

test('CH4 CH8 on PostgreSQL: a session that a sign-in ends, a token that another replaces, a document that comes are noted with it', async t => {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: [hubModule], role: new URL(url).username })
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
  t.after(() => store.close())
  const { org, user } = await store.call('firstUser', {
    org: id('org'),
    user: id('user'),
    name: 'me',
    now,
    token: null,
  })
  let position = await store.query('newsPosition')
  const noted = async () => {
    const news = await store.query('readNews', { after: position, rows: 100 })
    position = news.at(-1)?.position ?? position
    return news.map(({ subject }) => subject)
  }
  const signIn = async (hash: string, previous: string | null) => {
    await store.call('addLink', { org, user, hash: `link ${hash}`, expiresAt: now + 1, now: now - 1 })
    const session = { id: id('token'), hash, browser: 'Firefox', previous, now, expiresAt: now + 1_000 }
    await store.call('useLink', { linkHash: `link ${hash}`, session })
    return session.id
  }
  const first = await signIn('a', null)
  assert.deepEqual(await noted(), [])
  await signIn('b', 'a')
  assert.deepEqual(await noted(), [`closed session:${first}`])

  const device = deviceIdOf(systemRandom(32))
  await store.call('addDevice', { org, user, id: device, publicKey: 'k', name: 'Desk', kind: 'desktop', now })
  await noted()
  const tokenOf = (hash: string) => ({ org, user, id: id('token'), hash, name: 'Desk', scopes: [], now, device })
  const before = tokenOf('t1')
  await store.call('replaceToken', before)
  assert.deepEqual(await noted(), [])
  await store.call('replaceToken', tokenOf('t2'))
  assert.deepEqual(await noted(), [`closed token:${before.id}`])

  const made = { org, id: id('project'), name: 'demo', owner: 'me', tree: id('document'), now }
  const { project } = await store.call('ensureProject', made)
  const paths: [DocumentId, string][] = [[id('document'), 'a.md']]
  for (const expected of [[`documents ${project.id}`], []]) {
    await store.call('indexTree', { org, project: project.id, paths, now })
    assert.deepEqual(await noted(), expected, 'what changed nothing is no news')
  }
})

test('CH1 a hub that has not heard yet of a document that another made does not take it out of the index', async t => {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: [hubModule], role: new URL(url).username })
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
  t.after(() => store.close())
  const { org } = await store.call('firstUser', { org: id('org'), user: id('user'), name: 'me', now, token: null })
  const made = { org, id: id('project'), name: 'demo', owner: 'me', tree: id('document'), now }
  const { project } = await store.call('ensureProject', made)
  const [old, fresh] = [id('document'), id('document')]
  const index = (documents: DocumentId[], gone?: DocumentId[]) =>
    store.call('indexTree', {
      org,
      project: project.id,
      paths: documents.map((of, n): [DocumentId, string] => [of, `${n}.md`]),
      gone,
      now,
    })
  const listed = async () => {
    const { items } = await store.query('listDocuments', { org, project: project.id, after: '', rows: 10 })
    return items.map(item => item.id)
  }
  await index([old, fresh], [])
  await index([old], [])
  assert.deepEqual(await listed(), [old, fresh])
  await index([fresh], [old])
  assert.deepEqual(await listed(), [fresh])
  await index([], undefined)
  assert.deepEqual(await listed(), [])
})
