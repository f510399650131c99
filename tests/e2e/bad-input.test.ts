/** What goes wrong on real machines: each is a clear message with the next step, an exit code, and nothing is lost. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { documentSchema, runSchema } from '@meshbook/core/api.ts'
import { errors } from '@meshbook/core/errors.ts'
import { isTerminal } from '@meshbook/core/run.ts'
import { clientOf, command, eventually, startMesh, stopProcessesOf, temporaryFolder } from '../mesh-process.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? false : 'mounting needs root'

/** A small file system of its own; gone when the test ends. */
async function mounted(t: TestContext, options: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-mount-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', folder])
  t.after(async () => {
    await stopProcessesOf(folder)
    execFileSync('umount', ['-l', folder])
    await rm(folder, { recursive: true })
  })
  return folder
}

test('a port in use: exit code 1, the port and the way out are named', async t => {
  const data = await temporaryFolder(t)
  const holder = createServer().listen(0, '127.0.0.1')
  t.after(() => holder.close())
  await new Promise(resolve => holder.once('listening', resolve))
  const { port } = holder.address() as { port: number }
  const { code, stderr } = await command(['start', '--no-open', '--port', String(port), '--data', data])
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(String(port)))
  assert.ok(stderr.includes(errors.PORT_IN_USE.hint))
})

test('a port that is none: exit code 2 and the setting is named', async t => {
  const { code, stderr } = await command(['start', '--no-open', '--port', '99999', '--data', await temporaryFolder(t)])
  assert.equal(code, 2)
  assert.match(stderr, /--port/)
})

test('a data folder of a newer version: refused in words, and not a byte of it changes', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  assert.equal(await mesh.kill('SIGTERM'), 0)
  const file = join(data, 'hub.db')
  const database = new DatabaseSync(file)
  const table = database
    .prepare("select name from sqlite_master where type = 'table' and name like '%version%'")
    .get() as { name: string }
  database.exec(`update ${table.name} set version = version + 1000`)
  database.exec('pragma wal_checkpoint(truncate)')
  database.close()
  const before = await readFile(file)
  const { code, stderr } = await command(['start', '--no-open', '--port', '0', '--data', data])
  assert.equal(code, 1)
  assert.ok(stderr.includes(errors.DATA_TOO_NEW.message))
  assert.deepEqual(await readFile(file), before)
})

test('a data folder in use: the second start is refused with exit code 5, the first goes on', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const { code, stderr } = await command(['start', '--no-open', '--port', '0', '--data', data])
  assert.equal(code, 5)
  assert.ok(stderr.includes(errors.DATA_IN_USE.message))
  const { code: listed } = await command(['devices', '--data', data])
  assert.equal(listed, 0)
})

test('a read-only data folder: exit code 1 and the folder is named', { skip: needsRoot }, async t => {
  const folder = await mounted(t, 'ro,size=1m')
  const { code, stderr } = await command(['start', '--no-open', '--port', '0', '--data', join(folder, 'data')])
  assert.equal(code, 1)
  assert.ok(stderr.includes(errors.READ_ONLY_FOLDER.message), stderr)
  assert.ok(stderr.includes(folder))
})

test('a full disk: nothing more is acknowledged, the reason is shown, and what was acknowledged is there afterwards (I1)', {
  skip: needsRoot,
}, async t => {
  const folder = await mounted(t, 'size=24m')
  const data = join(folder, 'data')
  const mesh = await startMesh(t, data)
  const client = await clientOf(mesh)
  const project = (await client.documentAt('me/demo/welcome.md')).project
  const kept: string[] = []
  let refused: string | undefined
  for (let i = 0; i < 200 && refused === undefined; i++) {
    try {
      await client.post(
        '/documents',
        { project, path: `big-${i}.md`, content: `${i} `.repeat(100_000) },
        documentSchema,
      )
      kept.push(`big-${i}.md`)
    } catch (error) {
      refused = String(error)
    }
  }
  assert.match(refused ?? '', /disk|DISK_FULL|STORAGE_FAILED/i, mesh.errors())
  assert.ok(kept.length > 0)
  const ready = await fetch(`${mesh.url}/readyz`)
  assert.ok(ready.status >= 500, String(ready.status))
  await mesh.kill('SIGKILL')
  execFileSync('mount', ['-o', 'remount,size=200m', folder])
  const again = await clientOf(await startMesh(t, data))
  for (const path of kept) {
    const document = await again.documentAt(`me/demo/${path}`)
    assert.equal((await again.text(`/documents/${document.id}/content`)).length > 100_000, true, path)
  }
})

test('a notebook that is not text: left as it is, and said', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const garbage = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256))
  const file = join(data, 'projects/demo/garbage.md')
  await writeFile(file, garbage)
  await eventually(
    'doctor names the file',
    async () => (await command(['doctor', '--json', '--data', data])).stdout.includes('garbage.md'),
    40_000,
  )
  assert.deepEqual(await readFile(file), garbage)
})

test('a missing kernel: the run ends at once and says what to install', async t => {
  const data = await temporaryFolder(t)
  const bin = join(data, 'bin')
  await mkdir(bin)
  for (const name of ['sh', 'bash', 'setsid', 'unshare', 'ps', 'which', 'env'])
    await symlink(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(bin, name)).catch(() => undefined)
  const mesh = await startMesh(t, data, ['--port', '0'], { PATH: bin })
  const client = await clientOf(mesh)
  const document = await client.documentAt('me/demo/welcome.md')
  const run = await client.post('/runs', { document: document.id, language: 'julia', code: 'print(1)' }, runSchema)
  for await (const { event } of client.events(run.id, 0, AbortSignal.timeout(10_000))) {
    if (isTerminal(event)) assert.equal(event.type === 'failed' && event.error.code, 'KERNEL_MISSING')
  }
})

test('a command with rubbish as arguments: exit code 2 and how it is used', async () => {
  for (const args of [['frobnicate'], ['start', '--nonsense'], ['run'], ['runs', 'show']]) {
    const { code, stderr } = await command(args)
    assert.equal(code, 2, args.join(' '))
    assert.notEqual(stderr, '')
  }
})

test('no Meshbook runs: exit code 4 and the command to start it', async t => {
  const { code, stderr } = await command(['runs', '--data', await temporaryFolder(t)])
  assert.equal(code, 4)
  assert.match(stderr, /meshbook start/)
})
