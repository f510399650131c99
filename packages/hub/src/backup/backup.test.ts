import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { parseAssetId, systemRandom } from '@meshbook/core/ids.ts'
import type { SqlModule } from '@meshbook/relay/sql/tx.ts'
import { startHub } from '../hub.ts'
import { newLog } from '../log.ts'
import { backupTables } from '../store/backup-tables.ts'
import { hubModules } from '../store/open-store.ts'
import { backUp, restoreInto, type TestBackup, verifyIn } from '../testing/backup-job.ts'
import { seeded } from '../testing/seeded.ts'
import { signIn } from '../testing/sign-in.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub, temporaryFolder } from '../testing/test-hub.ts'
import { decrypterFor, encrypterFor, newRecoveryKey } from './recovery-key.ts'
import { openArchive, sealArchive } from './sealed-archive.ts'
import { finishRestore, newDataIn, swapIn, withWorkFolder } from './work-folder.ts'
import { writeBackup } from './write-backup.ts'

const hasCode = (code: ErrorCode, detail?: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && (!detail || detail.test(error.message))

/** All files of a folder with their hashes, without the locks and shared memory of SQLite. */
async function fingerprint(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    entry => entry.isFile() && !/\.lock$|-shm$/.test(entry.name),
  )
  const lines = names.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name)
    return `${path} ${createHash('sha256')
      .update(await readFile(path))
      .digest('hex')}`
  })
  return (await Promise.all(lines)).sort()
}

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(200_000, 7)])
const pngId = parseAssetId(`sha256-${createHash('sha256').update(png).digest('hex')}`)

async function putAsset(test: TestHub): Promise<void> {
  const answer = await fetch(`${test.hub.url}/api/v1/assets/${pngId}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${test.token}` },
    body: png,
  })
  assert.equal(answer.status, 201)
}

const silent = { now: Date.now, random: systemRandom, log: newLog('silent') }

/** Closes the hub, lets `act` do what it likes with its folder, and starts one on what is there then. */
async function around(test: TestHub, act: () => Promise<unknown>): Promise<void> {
  await test.hub.close()
  await act()
  test.hub = await startHub(test.config, silent)
}

/** What is inside, as anybody who has the key can read it. */
async function plaintext({ file, key }: Pick<TestBackup, 'file' | 'key'>): Promise<Map<string, string>> {
  const parts = new Map<string, string>()
  for await (const { name, body } of openArchive(file, decrypterFor(key), () => undefined)) {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    parts.set(name, Buffer.concat(chunks).toString('latin1'))
  }
  return parts
}

/** A sealed archive with these texts. */
async function craft(t: TestContext, entries: Record<string, string>): Promise<{ file: string; key: string }> {
  const { secret, recipient } = await newRecoveryKey()
  const file = join(await temporaryFolder(t), 'crafted.age')
  const handle = await open(file, 'w')
  await sealArchive(handle, encrypterFor({ recipient }), 0, async archive => {
    for (const [name, text] of Object.entries(entries)) await archive.add(name, text.length, [Buffer.from(text)])
  })
  await handle.close()
  return { file, key: secret }
}

const run = (test: TestHub, document: string) =>
  test.json<{ id: string; session: string }>('POST', '/runs', { document, language: 'python', code: 'print(1)' })

test('everything acknowledged comes back: texts, assets, runs, tokens and devices (BK1, BK3, BK4)', async t => {
  const test = await startTestHub(t)
  const texts = await Promise.all(
    ['one', 'two', 'three'].map(name => test.document(`${name}.md`, `# ${name}\n\nWörter 🎈\n`)),
  )
  await putAsset(test)
  const device = new TestDevice()
  await test.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  await device.join(t, test.hub, [test.project.id])
  const { id } = await run(test, texts[0]!.id)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started, stdout('1\n'), completed])
  const backup = await backUp(t, test.folder)
  assert.deepEqual([backup.report.documents, backup.report.assets], [4, 1])
  await device.drop()
  await around(test, async () => {
    await rm(test.folder, { recursive: true })
    const restored = await restoreInto(test.folder, backup)
    assert.deepEqual([restored.documents, restored.assets, restored.missing, restored.kept], [4, 1, [], undefined])
  })
  for (const [index, name] of ['one', 'two', 'three'].entries())
    assert.equal(
      await (await test.api('GET', `/documents/${texts[index]!.id}/content`)).text(),
      `# ${name}\n\nWörter 🎈\n`,
    )
  const asset = await test.api('GET', `/assets/${pngId}`)
  assert.deepEqual(Buffer.from(await asset.arrayBuffer()), png)
  const shown = await test.json<{ status: string; seq: number }>('GET', `/runs/${id}`)
  assert.deepEqual([shown.status, shown.seq], ['completed', 3])
  const welcome = await device.join(t, test.hub, [test.project.id])
  assert.deepEqual(welcome.lost, [])
  assert.equal((await stat(join(test.folder, 'hub.db'))).mode & 0o777, 0o600)
})

test('each table has a rule for backups, and each rule a table (BK2)', async () => {
  const modules = await Promise.all(hubModules.map(async url => (await import(url.href)) as SqlModule))
  const sql = modules.flatMap(({ schema }) => schema.migrations).join('\n')
  const made = [...sql.matchAll(/CREATE TABLE (\w+)/g)].map(match => match[1]!)
  assert.deepEqual(Object.keys(backupTables).sort(), made.sort())
})

test('a backup holds no secret, and no way in that had been left or closed comes back (BK2, S7)', async t => {
  const test = await startTestHub(t)
  const cookie = await signIn(test)
  const link = await test.hub.signInLink()
  const { id } = await test.document('one.md', 'text')
  const { ticket } = await test.json<{ ticket: string }>('POST', '/tickets', { document: id, scope: 'write' })
  const backup = await backUp(t, test.folder)
  const inside = await plaintext(backup)
  const all = [...inside.values()].join('\n')
  for (const secret of [test.token, cookie.split('=')[1]!, new URL(link).hash.slice(1), ticket, backup.key])
    assert.ok(secret.length > 20 && !all.includes(secret))
  for (const table of ['sign_in_links', 'browser_sessions', 'tickets'])
    assert.ok(![...inside.keys()].some(name => name.startsWith(`tables/${table}/`)))
  await around(test, () => restoreInto(test.folder, backup, true))
  const answer = await fetch(`${test.hub.url}/api/v1/projects`, { headers: { cookie } })
  await answer.body?.cancel()
  assert.equal(answer.status, 401)
  assert.equal((await test.api('GET', '/projects')).status, 200, 'a token goes on')
})

test('an asset that is lost or altered is reported, and the rest is backed up (BK3)', async t => {
  const test = await startTestHub(t)
  await putAsset(test)
  const folder = join(test.folder, 'assets')
  const path = join(folder, (await readdir(folder, { recursive: true })).find(name => name.includes(pngId.slice(7)))!)
  await writeFile(path, 'rotten')
  assert.deepEqual((await backUp(t, test.folder)).report.damaged, [pngId])
  await rm(path)
  const backup = await backUp(t, test.folder)
  assert.deepEqual(backup.report.missing, [pngId])
  assert.deepEqual((await verifyIn(test.folder, backup)).missing, [pngId])
})

test('many rows become many parts, and one row that is large is one (BK4, BK6)', async t => {
  const test = await startTestHub(t)
  const text = 'x'.repeat(1_000_000)
  const made = []
  for (let i = 0; i < 9; i++) made.push(await test.document(`big-${i}.md`, text.slice(i)))
  const backup = await backUp(t, test.folder)
  const parts = [...(await plaintext(backup)).keys()].filter(name => name.startsWith('tables/relay_updates/'))
  assert.ok(parts.length >= 3, parts.join())
  await around(test, () => restoreInto(test.folder, backup, true))
  for (const [i, { id }] of made.entries())
    assert.equal(await (await test.api('GET', `/documents/${id}/content`)).text(), text.slice(i))
})

test('a file that exists is not overwritten, and one that could not be written is not there (BK5)', async t => {
  const test = await startTestHub(t)
  const { recipient } = await newRecoveryKey()
  const folder = await temporaryFolder(t)
  const job = {
    ...test.config,
    file: join(folder, 'b.age'),
    lock: { recipient },
    now: Date.now,
    random: systemRandom,
    onProgress: () => undefined,
  }
  await writeFile(job.file, 'mine')
  await assert.rejects(writeBackup(job), hasCode('WOULD_OVERWRITE'))
  assert.equal(await readFile(job.file, 'utf8'), 'mine')
  await rm(job.file)
  if (process.platform === 'linux') {
    await symlink('/dev/full', `${job.file}.partial`)
    await assert.rejects(writeBackup(job), hasCode('DISK_FULL'))
  }
  await assert.rejects(writeBackup({ ...job, dataFolder: folder }), hasCode('NOT_FOUND'))
  await assert.rejects(writeBackup({ ...job, file: join(folder, 'no', 'b.age') }))
  assert.deepEqual(await readdir(folder), [])
  assert.ok(!(await readdir(test.folder)).includes('backup-work'))
})

test('a damaged, foreign or newer file is refused with its code, and the data is as it was (BK20)', async t => {
  const test = await startTestHub(t)
  await test.document('one.md', 'text '.repeat(20_000))
  await putAsset(test)
  const backup = await backUp(t, test.folder)
  await test.hub.close()
  const before = await fingerprint(test.folder)
  const refused = async (bytes: Uint8Array, codes: ErrorCode[], what: string, key = backup.key) => {
    const file = join(await temporaryFolder(t), 'bad.age')
    await writeFile(file, bytes)
    await assert.rejects(
      restoreInto(test.folder, { file, key }, true),
      error => error instanceof MeshError && codes.includes(error.code),
      what,
    )
    assert.deepEqual(await fingerprint(test.folder), before, what)
  }
  const whole = await readFile(backup.file)
  const random = seeded(20)
  const header = whole.indexOf('\n---')
  for (let i = 0; i < 12; i++) {
    const at = Math.floor(random() * whole.length)
    await refused(whole.subarray(0, at), ['BACKUP_DAMAGED', 'WRONG_RECOVERY_KEY'], `cut at ${at} of ${whole.length}`)
    const flipped = Uint8Array.from(whole)
    flipped[at]! ^= 1 << Math.floor(random() * 8)
    const codes: ErrorCode[] = at < header ? ['BACKUP_DAMAGED', 'WRONG_RECOVERY_KEY'] : ['BACKUP_DAMAGED']
    await refused(flipped, codes, `flipped at ${at} of ${whole.length}`)
  }
  await refused(whole.subarray(0, whole.length - 1), ['BACKUP_DAMAGED'], 'the last byte is missing')
  await refused(Buffer.concat([whole, Buffer.from([0])]), ['BACKUP_DAMAGED'], 'a byte is too many')
  await refused(Buffer.from('not a backup at all'), ['BACKUP_DAMAGED'], 'no backup')
  await refused(new Uint8Array(), ['BACKUP_DAMAGED'], 'empty')
  await refused(whole, ['WRONG_RECOVERY_KEY'], 'another key', (await newRecoveryKey()).secret)
  await refused(whole, ['WRONG_RECOVERY_KEY'], 'a passphrase', 'a passphrase of sorts')
  await refused(whole, ['WRONG_RECOVERY_KEY'], 'a key with a slip', `${backup.key.slice(0, -1)}!`)
  await assert.rejects(
    restoreInto(test.folder, { file: `${backup.file}.none`, key: backup.key }, true),
    hasCode('NOT_FOUND'),
  )
})

const format = { format: 1, version: '0.1.0', madeAt: 1, schemas: { relay: 1 }, tables: [], recipient: null }
const manifest = { parts: [], tables: {}, orgs: [], assets: { count: 0, bytes: 0, missing: [], damaged: [] } }
const json = JSON.stringify

test('an older backup is brought up to date; a newer one, or one that lies, is refused (BK20, BK24)', async t => {
  const folder = await temporaryFolder(t)
  const verify = async (entries: Record<string, string>) => verifyIn(folder, await craft(t, entries))
  const older = await verify({ 'format.json': json(format), 'manifest.json': json(manifest) })
  assert.equal(older.documents, 0, 'its hub tables did not exist yet')
  await assert.rejects(
    verify({ 'format.json': json({ format: 2, other: true }) }),
    hasCode('BACKUP_TOO_NEW', /format is 2/),
  )
  await assert.rejects(
    verify({ 'format.json': json({ ...format, schemas: { relay: 1, hub: 99 } }) }),
    hasCode('BACKUP_TOO_NEW', /version 99/),
  )
  await assert.rejects(verify({ 'format.json': json({ ...format, schemas: { brain: 1 } }) }), hasCode('BACKUP_TOO_NEW'))
  const table = { name: 'relay_documents', columns: ['org_id', 'document_id', 'epoch', 'position'] }
  const lies: Record<string, string>[] = [
    { 'format.json': json(format) },
    { 'manifest.json': json(manifest) },
    { 'format.json': json({ ...format, tables: [{ name: 'relay_documents', columns: ['x'] }] }) },
    { 'format.json': json({ ...format, tables: [{ name: 'x"; DROP', columns: ['x'] }] }) },
    { 'format.json': json(format), '../escape': 'x', 'manifest.json': json(manifest) },
    { 'format.json': json(format), 'assets/sha256-x': 'x', 'manifest.json': json(manifest) },
    { 'format.json': json(format), [`assets/${pngId}`]: 'x', 'manifest.json': json(manifest) },
    { 'format.json': json(format), 'manifest.json': json({ ...manifest, assets: { ...manifest.assets, count: 1 } }) },
    { 'format.json': json(format), 'manifest.json': json(manifest), 'tables/x/000001.ndjson': '' },
    {
      'format.json': json({ ...format, tables: [table] }),
      'tables/relay_documents/000001.ndjson': '["o","d",1]\n',
      'manifest.json': json(manifest),
    },
    {
      'format.json': json({ ...format, tables: [table] }),
      'tables/relay_documents/000001.ndjson': '["o","d",1,{"z":1}]\n',
      'manifest.json': json(manifest),
    },
    {
      'format.json': json({ ...format, tables: [table] }),
      'tables/relay_documents/000001.ndjson': '["o","d",1,0]\n',
      'manifest.json': json(manifest),
    },
  ]
  for (const lie of lies) await assert.rejects(verify(lie), hasCode('BACKUP_DAMAGED'), Object.keys(lie).join())
})

test('a document whose updates have a gap fails the drill (BK21)', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('one.md', 'text')
  await test.hub.close()
  const db = new DatabaseSync(join(test.folder, 'hub.db'))
  db.prepare('DELETE FROM relay_updates WHERE document_id = ?').run(id)
  db.close()
  const backup = await backUp(t, test.folder)
  await assert.rejects(verifyIn(test.folder, backup), hasCode('BACKUP_DAMAGED', new RegExp(`document ${id}`)))
})

test('--verify beside a running hub changes nothing and leaves nothing behind (BK21)', async t => {
  const test = await startTestHub(t)
  await test.document('one.md', 'text')
  await putAsset(test)
  const backup = await backUp(t, test.folder)
  const before = await fingerprint(test.folder)
  const report = await verifyIn(test.folder, backup)
  assert.deepEqual([report.documents, report.assets, report.orgs], [2, 1, ['me']])
  assert.deepEqual(await fingerprint(test.folder), before)
})

test('a restore is refused over a running hub and over data; --replace keeps what was there (BK23)', async t => {
  const test = await startTestHub(t)
  await test.document('one.md', 'old')
  const backup = await backUp(t, test.folder)
  await assert.rejects(restoreInto(test.folder, backup, true), hasCode('DATA_IN_USE'))
  await test.document('two.md', 'new')
  let kept = ''
  await around(test, async () => {
    await assert.rejects(restoreInto(test.folder, backup), hasCode('WOULD_OVERWRITE'))
    kept = (await restoreInto(test.folder, backup, true)).kept!
  })
  const { items } = await test.json<{ items: { path: string }[] }>('GET', `/documents?project=${test.project.id}`)
  assert.deepEqual(
    items.map(item => item.path),
    ['one.md'],
  )
  const old = new DatabaseSync(join(kept, 'hub.db'), { readOnly: true })
  const paths = old.prepare('SELECT path FROM documents ORDER BY path').all() as { path: string }[]
  old.close()
  assert.deepEqual(
    paths.map(({ path }) => path),
    ['one.md', 'two.md'],
  )
})

test('two backups of one folder do not get into each other’s way (BK22)', async t => {
  const test = await startTestHub(t)
  await withWorkFolder(test.folder, async () => {
    await assert.rejects(backUp(t, test.folder), hasCode('DATA_IN_USE', /running/))
    await test.restart()
  })
  await backUp(t, test.folder)
})

class Killed extends Error {}

test('a kill between any two steps of the swap leaves the old data or the new, and the next start finishes (BK22)', async t => {
  let steps = 0
  for (let killAt = 1; ; killAt++) {
    const { folder, names } = await twoGenerations(t)
    let step = 0
    const swapping = withWorkFolder(folder, async work => {
      await fillNew(newDataIn(work), names)
      await swapIn(folder, 'before-restore-1', () => {
        if (++step === killAt) throw new Killed()
      })
    })
    const killed = await swapping.then(
      () => false,
      thrown => thrown instanceof Killed,
    )
    if (!killed) break
    steps++
    await finishRestore(folder)
    for (const name of names) {
      assert.equal(
        await readFile(join(folder, name, 'x').replace(/\.db\/x$/, '.db'), 'utf8'),
        'new',
        `${name} at ${killAt}`,
      )
      assert.equal(
        await readFile(join(folder, 'before-restore-1', name, 'x').replace(/\.db\/x$/, '.db'), 'utf8'),
        'old',
      )
    }
    assert.equal(await readFile(join(folder, 'before-restore-1/hub.db-wal'), 'utf8'), 'old log')
    assert.deepEqual((await readdir(folder)).filter(name => !name.endsWith('.lock')).sort(), [
      'assets',
      'before-restore-1',
      'hub.db',
    ])
  }
  assert.ok(steps >= 6, `${steps} steps`)
})

async function twoGenerations(t: TestContext): Promise<{ folder: string; names: string[] }> {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'hub.db'), 'old')
  await writeFile(join(folder, 'hub.db-wal'), 'old log')
  await writeFile(join(folder, 'assets/x'), 'old')
  return { folder, names: ['hub.db', 'assets'] }
}

async function fillNew(fresh: string, names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(fresh, name === 'assets' ? name : ''), { recursive: true })
    await writeFile(join(fresh, name === 'assets' ? 'assets/x' : name), 'new')
  }
}

test('a kill before the swap leaves the old data, and the next start removes the rest (BK22)', async t => {
  const { folder, names } = await twoGenerations(t)
  await mkdir(join(folder, 'backup-work/new'), { recursive: true })
  await fillNew(join(folder, 'backup-work/new'), names)
  await finishRestore(folder)
  assert.equal(await readFile(join(folder, 'hub.db'), 'utf8'), 'old')
  assert.ok(!(await readdir(folder)).includes('backup-work'))
})

test('after a restore no old holder is believed: heads are lost and the next fence is above all before (BK30, I4)', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('one.md', 'text')
  const device = new TestDevice()
  await test.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  await device.join(t, test.hub, [test.project.id])
  await run(test, id)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started])
  const backup = await backUp(t, test.folder)
  await device.emit(lease, 2, [completed])
  await device.drop()
  await around(test, () => restoreInto(test.folder, backup, true))
  const { session, head, fence, run: held } = lease
  const heads = [{ session, head, fence, language: 'python', name: 'main' }] as never
  const welcome = await device.join(t, test.hub, [test.project.id], { heads, runs: [] })
  assert.deepEqual(welcome.lost, [head])
  const ended = await test.json<{ status: string }>('GET', `/runs/${held}`)
  assert.equal(ended.status, 'interrupted', 'it had begun, and the device does not have it any more')
  await run(test, id)
  const next = await device.next('LEASE')
  assert.equal(next.lease.session, session)
  assert.ok(next.lease.fence > fence + 1_000_000)
  await device.drop()
  await around(test, () => restoreInto(test.folder, backup, true))
  await device.join(t, test.hub, [test.project.id])
  await run(test, id)
  assert.ok((await device.next('LEASE')).lease.fence > next.lease.fence, 'also when it is restored twice')
})

test('a run that nobody had begun ends, and one that a device still has goes on (BK31, S16)', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('one.md', 'text')
  const device = new TestDevice()
  await test.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  await device.join(t, test.hub, [test.project.id])
  const begun = await run(test, id)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started])
  const waiting = await run(test, id)
  const alsoWaiting = await run(test, id)
  const backup = await backUp(t, test.folder)
  await device.drop()
  await around(test, async () => {
    assert.equal((await restoreInto(test.folder, backup, true)).runsEnded, 2)
  })
  for (const { id } of [waiting, alsoWaiting]) {
    const shown = await test.json<{ status: string; error: unknown }>('GET', `/runs/${id}`)
    assert.equal(shown.status, 'interrupted')
  }
  const runs = [{ run: lease.run, fence: lease.fence, seq: 3 }] as never
  await device.join(t, test.hub, [test.project.id], { heads: [], runs })
  const ack = await device.emit(lease, 2, [stdout('1\n'), completed])
  assert.equal(ack.seq, 3)
  assert.equal((await test.json<{ status: string }>('GET', `/runs/${begun.id}`)).status, 'completed')
  assert.ok(!device.received.some(({ type }) => type === 'LEASE'), 'nothing is given out again')
})

test('a passphrase, or a file of keys as age-keygen writes it, opens what was sealed for it (BK11, BK12)', async t => {
  const test = await startTestHub(t)
  const passphrase = 'correct horse battery'
  const file = join(await temporaryFolder(t), 'p.age')
  const job = { ...test.config, file, now: Date.now, random: systemRandom, onProgress: () => undefined }
  await assert.rejects(writeBackup({ ...job, lock: { passphrase: 'short' } }), hasCode('BAD_CONFIG'))
  await writeBackup({ ...job, lock: { passphrase } })
  await verifyIn(test.folder, { file, key: `${passphrase}\n` })
  await assert.rejects(verifyIn(test.folder, { file, key: 'wrong horse battery' }), hasCode('WRONG_RECOVERY_KEY'))
  const backup = await backUp(t, test.folder)
  const other = (await newRecoveryKey()).secret
  await verifyIn(test.folder, { ...backup, key: `# made today\n${other}\n\n${backup.key}\n` })
  await assert.rejects(verifyIn(test.folder, { ...backup, key: '# nothing\n' }), hasCode('NO_RECOVERY_KEY'))
})
