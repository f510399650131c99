/** The drill: a hub that is in use is backed up, lost with its machine, and restored; everybody comes back to it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { documentSchema, listOf, projectSchema, runSchema } from '@meshbook/core/api.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { decrypterFor } from '@meshbook/hub/backup/recovery-key.ts'
import { openArchive } from '@meshbook/hub/backup/sealed-archive.ts'
import { LiveDocument } from '../live-document.ts'
import { command, eventually, type MeshProcess, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const env = { MESHBOOK_BOOTSTRAP_TOKEN: token }

const clientAt = (mesh: { url: string }) => new ApiClient({ hub: mesh.url, token })

interface Drill {
  folder: string
  data: string
  key: string
  keyFile: string
  /** All that the commands have printed. */
  printed: string[]
}

async function newDrill(t: TestContext): Promise<Drill> {
  const folder = await temporaryFolder(t)
  const data = join(folder, 'data')
  const made = await command(['backup', '--new-key', '--json', '--data', data])
  const { recoveryKey: key } = JSON.parse(made.stdout) as { recoveryKey: string }
  assert.match(key, /^AGE-SECRET-KEY-1/)
  const keyFile = join(folder, 'key.txt')
  await writeFile(keyFile, key)
  return { folder, data, key, keyFile, printed: [] }
}

/** Runs a command that must succeed; returns the last object it printed. */
async function must(drill: Drill, args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await command([...args, '--json', '--data', drill.data], {}, 120_000)
  drill.printed.push(stdout, stderr)
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
}

function typists(t: TestContext, mesh: MeshProcess, count: number): LiveDocument[] {
  return Array.from({ length: count }, (_, i) => {
    const live = new LiveDocument(`${mesh.url.replace('http', 'ws')}/sync/me/demo/doc-${i}.md`, token, `doc-${i}`)
    t.after(() => live.close())
    return live
  })
}

/** Somebody who has thrown away the beginning of the demo's notebook. */
async function shortenWelcome(t: TestContext, mesh: MeshProcess): Promise<void> {
  const live = new LiveDocument(`${mesh.url.replace('http', 'ws')}/sync/me/demo/welcome.md`, token, 'welcome')
  t.after(() => live.close())
  await eventually('the demo is there', () => live.text.length > 300)
  live.doc.getText('content').delete(0, 300)
  await live.client.saved()
}

function assertOnce(text: string, live: LiveDocument, upTo: number): void {
  const lines = text.split('\n')
  assert.equal(new Set(lines).size, lines.length, 'a line is doubled')
  for (let i = 1; i <= upTo; i++) assert.ok(text.includes(live.piece(i)), `${live.piece(i)} is lost`)
}

async function textAt(client: ApiClient, path: string): Promise<string> {
  const { id } = await client.documentAt(path)
  return client.text(`/documents/${id}/content`)
}

async function putAsset(mesh: MeshProcess, bytes: Uint8Array): Promise<string> {
  const url = `${mesh.url}/api/v1/assets/sha256-${createHash('sha256').update(bytes).digest('hex')}`
  const headers = { authorization: `Bearer ${token}` }
  assert.equal((await fetch(url, { method: 'PUT', headers, body: bytes as Uint8Array<ArrayBuffer> })).status, 201)
  return new URL(url).pathname
}

async function finishedRun(client: ApiClient): Promise<string> {
  const { id: document } = await client.documentAt('me/demo/welcome.md')
  const { id } = await client.post('/runs', { document, language: 'javascript', code: '6 * 7' }, runSchema)
  await eventually('the run has ended', async () => hasEnded((await client.get(`/runs/${id}`, runSchema)).status))
  return id
}

test('the drill: 20 documents in use, the machine is lost, the backup restored, and everybody goes on (BK1, BK21, BK32, I1, I2)', async t => {
  const drill = await newDrill(t)
  const mesh = await startMesh(t, drill.data, ['--port', '0'], env)
  const client = clientAt(mesh)
  const asset = await putAsset(mesh, Buffer.from('an asset'))
  await shortenWelcome(t, mesh)
  const run = await finishedRun(client)
  const lives = typists(t, mesh, 20)
  for (const live of lives) live.typeEvery(20)
  await eventually('all have typed', () => lives.every(live => live.durable > 5))

  const promised = lives.map(live => live.durable)
  const file = join(drill.folder, 'monday.age')
  const backup = await must(drill, ['backup', file])
  assert.ok(Number(backup.documents) >= 22 && Number(backup.assets) >= 1)
  const during = lives.map(live => live.durable)
  assert.ok(
    during.every((durable, i) => durable > promised[i]!),
    'the hub went on',
  )
  const verified = await must(drill, ['restore', file, '--verify', '--key-file', drill.keyFile])
  assert.equal(verified.documents, backup.documents)
  for (const live of lives) live.stopTyping()
  await Promise.all(lives.map(live => live.client.saved()))
  const welcome = await textAt(client, 'me/demo/welcome.md')

  const deviceKey = JSON.parse(await readFile(join(drill.data, 'device/device.key'), 'utf8')) as Record<string, string>
  await mesh.kill('SIGKILL')
  await assertNoSecrets(drill, file, [deviceKey.privateKey!])
  await rm(drill.data, { recursive: true })
  // Typed while there is no hub.
  for (const live of lives) live.type()

  const restored = await must(drill, ['restore', file, '--key-file', drill.keyFile])
  assert.equal(restored.documents, backup.documents)
  const aside = await startProcess(t, drill.data, ['hub', '--port', '0'])
  for (const [i, live] of lives.entries())
    assertOnce(await textAt(clientAt(aside), `me/demo/doc-${i}.md`), live, promised[i]!)
  assert.equal((await clientAt(aside).get(`/runs/${run}`, runSchema)).status, 'completed')
  assert.equal(
    await (await fetch(`${aside.url}${asset}`, { headers: { authorization: `Bearer ${token}` } })).text(),
    'an asset',
  )
  await aside.kill('SIGTERM')

  const again = await startMesh(t, drill.data, ['--port', new URL(mesh.url).port])
  await eventually('everybody is back', () => lives.every(live => live.client.synced))
  await Promise.all(lives.map(live => live.client.saved()))
  for (const [i, live] of lives.entries()) {
    const text = await textAt(clientAt(again), `me/demo/doc-${i}.md`)
    assert.equal(text, live.text)
    assertOnce(text, live, live.typed)
    await eventually('the new machine has the file', async () => {
      const onDisk = await readFile(join(drill.data, `projects/demo/doc-${i}.md`), 'utf8').catch(() => '')
      return onDisk === text
    })
  }
  assert.equal(await textAt(clientAt(again), 'me/demo/welcome.md'), welcome, 'the demo is not mixed with a new one')
  const log = await readFile(join(drill.data, 'meshbook.log'), 'utf8')
  for (const secret of [drill.key, token]) assert.ok(!`${log}${again.errors()}`.includes(secret))
})

/** S7: nothing that opens a door is in a backup or in what the commands print, and the key is nowhere in the folder. */
async function assertNoSecrets(drill: Drill, file: string, more: string[]): Promise<void> {
  const plain: string[] = []
  for await (const { body } of openArchive(file, decrypterFor(drill.key), () => undefined))
    for await (const chunk of body) plain.push(Buffer.from(chunk).toString('latin1'))
  for (const secret of [token, drill.key, ...more]) assert.ok(!plain.join('').includes(secret))
  for (const secret of [token, drill.key, ...more]) assert.ok(!drill.printed.join('').includes(secret))
  for (const name of await readdir(drill.data, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue
    const bytes = await readFile(join(name.parentPath, name.name), 'latin1')
    assert.ok(!bytes.includes(drill.key), `the recovery key is in ${name.name}`)
  }
}

test('a device brings what an older backup lacks, once, also new documents; what was deleted since stays deleted (BK32, I2)', async t => {
  const drill = await newDrill(t)
  const mesh = await startMesh(t, drill.data, ['--port', '0'], env)
  const client = clientAt(mesh)
  const notes = join(drill.data, 'projects/demo')
  await writeFile(join(notes, 'edited.md'), 'first line\n')
  await writeFile(join(notes, 'deleted.md'), 'to be deleted\n')
  for (const name of ['edited', 'deleted'])
    await eventually(`${name} is at the hub`, () =>
      textAt(client, `me/demo/${name}.md`).then(
        text => text !== '',
        () => false,
      ),
    )
  const file = join(drill.folder, 'b.age')
  await must(drill, ['backup', file])
  await writeFile(join(notes, 'edited.md'), 'first line\nlater line\n')
  await writeFile(join(notes, 'new.md'), 'newer than the backup\n')
  const deleted = await client.documentAt('me/demo/deleted.md')
  await client.send('DELETE', `/documents/${deleted.id}`)
  const asItWas = async (at: ApiClient): Promise<boolean> => {
    const paths = await documentPaths(at)
    return (
      !paths.includes('deleted.md') &&
      paths.includes('new.md') &&
      (await textAt(at, 'me/demo/edited.md')) === 'first line\nlater line\n' &&
      (await textAt(at, 'me/demo/new.md')) === 'newer than the backup\n'
    )
  }
  await eventually('the hub has it all', () => asItWas(client).catch(() => false))
  await eventually('the device has the deletion', async () => !(await readdir(notes)).includes('deleted.md'))
  await mesh.kill('SIGTERM')
  const refused = await command(['restore', file, '--key-file', drill.keyFile, '--json', '--data', drill.data])
  assert.equal(refused.code, 5)
  assert.equal((JSON.parse(refused.stdout.trimEnd().split('\n').at(-1)!) as { error: string }).error, 'WOULD_OVERWRITE')
  const restored = await must(drill, ['restore', file, '--replace', '--key-file', drill.keyFile])
  assert.ok(String(restored.kept).includes('before-restore-'))
  const again = await startMesh(t, drill.data)
  await eventually('the device has brought it all back', () => asItWas(clientAt(again)).catch(() => false))
  assert.equal(await readFile(join(notes, 'edited.md'), 'utf8'), 'first line\nlater line\n')
  assert.ok(!(await readdir(notes)).includes('deleted.md'))
})

async function documentPaths(client: ApiClient): Promise<string[]> {
  const projects = await client.get('/projects', listOf(projectSchema))
  const { items } = await client.get(`/documents?project=${projects.items[0]!.id}`, listOf(documentSchema))
  return items.map(({ path }) => path)
}

test('the commands say what is wrong, with the exit code of each (BK10, BK20, BK23)', async t => {
  const drill = await newDrill(t)
  const run = async (args: string[], extra: NodeJS.ProcessEnv = {}) => {
    const { code, stdout } = await command([...args, '--json', '--data', drill.data], extra)
    return [code, (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}') as { error?: string }).error]
  }
  const file = join(drill.folder, 'b.age')
  assert.deepEqual(await run(['backup']), [2, 'BAD_CONFIG'])
  assert.deepEqual(await run(['backup', file]), [1, 'NOT_FOUND'])
  assert.deepEqual(await run(['backup', file], { MESHBOOK_DATABASE_URL: 'postgres://x' }), [2, 'BAD_CONFIG'])
  const hub = await startProcess(t, drill.data, ['hub', '--port', '0'])
  assert.deepEqual(await run(['backup', file]), [0, undefined])
  assert.deepEqual(await run(['backup', file]), [5, 'WOULD_OVERWRITE'])
  assert.deepEqual(await run(['restore', file, '--verify']), [2, 'NO_RECOVERY_KEY'])
  assert.deepEqual(await run(['restore', file, '--verify'], { MESHBOOK_RECOVERY_KEY: 'wrong key' }), [
    3,
    'WRONG_RECOVERY_KEY',
  ])
  assert.deepEqual(await run(['restore', file, '--verify'], { MESHBOOK_RECOVERY_KEY: drill.key }), [0, undefined])
  assert.deepEqual(await run(['restore', file, '--replace'], { MESHBOOK_RECOVERY_KEY: drill.key }), [5, 'DATA_IN_USE'])
  await hub.kill('SIGKILL')
  const after = join(drill.folder, 'after-kill.age')
  assert.deepEqual(await run(['backup', after]), [0, undefined], 'what stands in the log of a killed hub is in it')
  assert.deepEqual(await run(['restore', after, '--verify'], { MESHBOOK_RECOVERY_KEY: drill.key }), [0, undefined])
  await writeFile(file, (await readFile(file)).subarray(0, 500))
  assert.deepEqual(await run(['restore', file, '--verify'], { MESHBOOK_RECOVERY_KEY: drill.key }), [
    1,
    'BACKUP_DAMAGED',
  ])
  const empty = join(drill.folder, 'other')
  await mkdir(empty)
  const { code } = await command(['backup', join(drill.folder, 'c.age'), '--json', '--data', empty])
  assert.equal(code, 2, 'a key is not made where nobody reads it')
})
