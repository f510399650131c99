/** The command line as a script uses it: exit codes, JSON lines, and machines joined over a hub. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { clientOf, command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}

test('run: cells in order, output on stdout and in the file, exit code 0; a failing cell stops it with exit code 10', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const file = join(data, 'projects/demo/script.md')
  await writeFile(
    file,
    '# Script\n\n```python\nx = 20\nprint("one", x)\n```\n\n```bash\necho two\n```\n\n```python\nprint(x + 1)\n1 / 0\n```\n\n```python\nprint("never")\n```\n',
  )
  await eventually(
    'the notebook is a document',
    async () => (await command(['run', file, '--cell', '1', '--data', data])).code === 0,
  )
  const { code, stdout, stderr } = await command(['run', file, '--data', data])
  assert.equal(code, 10)
  assert.equal(stdout, 'one 20\ntwo\n21\n')
  assert.match(stderr, /ZeroDivisionError/)
  const text = await readFile(file, 'utf8')
  assert.ok(text.includes('ZeroDivisionError'), 'the file has the last output when the command has ended')
  assert.doesNotMatch(text, /\nnever\n```\n\n```output/)
})

test('run --json prints one event a line; runs list, show and tail agree with it', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const { code, stdout } = await command([
    'run',
    join(data, 'projects/demo/welcome.md'),
    '--cell',
    '1',
    '--json',
    '--data',
    data,
  ])
  assert.equal(code, 0)
  const [header, ...events] = jsonLines(stdout)
  assert.deepEqual(
    events.map(event => event.seq),
    events.map((_, i) => i + 1),
  )
  assert.equal(events.at(-1)?.type, 'completed')
  const run = String(header?.run)
  const listed = jsonLines((await command(['runs', '--json', '--data', data])).stdout)
  assert.equal(listed[0]?.id, run)
  assert.equal(listed[0]?.status, 'completed')
  const shown = jsonLines((await command(['runs', 'show', run, '--json', '--data', data])).stdout)
  assert.equal(shown[0]?.path, 'welcome.md')
  const tailed = await command(['runs', 'tail', run, '--data', data])
  assert.match(tailed.stdout, /521 months/)
})

test('cancel ends a run that would take for ever', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  await writeFile(join(data, 'projects/demo/endless.md'), '```python\nwhile True: pass\n```\n')
  const client = await clientOf(mesh)
  await eventually('the notebook is a document', () => client.documentAt('me/demo/endless.md').catch(() => undefined))
  const running = command(['run', join(data, 'projects/demo/endless.md'), '--data', data])
  const run = await eventually('it runs', async () =>
    jsonLines((await command(['runs', '--json', '--data', data])).stdout).find(({ status }) => status === 'running'),
  )
  assert.equal((await command(['runs', 'cancel', String(run.id), '--data', data])).code, 0)
  assert.equal((await running).code, 130)
})

test('attach makes a folder a project; its notebooks appear and can be run', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const folder = join(data, 'thesis')
  await mkdir(folder)
  await writeFile(join(folder, 'chapter.md'), '# Chapter\n\n```bash\npwd\n```\n')
  assert.equal((await command(['attach', folder, '--data', data])).code, 0)
  const { code, stdout } = await command(['run', join(folder, 'chapter.md'), '--data', data])
  assert.equal(code, 0)
  assert.equal(stdout, `${folder}\n`)
  assert.equal((await command(['attach', join(data, 'missing'), '--data', data])).code, 1)
  assert.equal((await command(['detach', folder, '--data', data])).code, 0)
  assert.match(await readFile(join(folder, 'chapter.md'), 'utf8'), /# Chapter/)
  assert.equal((await command(['run', join(folder, 'chapter.md'), '--data', data])).code, 1)
})

test('hub and up: a machine joins with a token, runs what the hub asks, survives kill -9 of either, and can be revoked', async t => {
  const hubData = await temporaryFolder(t)
  const data = await temporaryFolder(t)
  const env = { MESHBOOK_BOOTSTRAP_TOKEN: token }
  const hub = await startProcess(t, hubData, ['hub', '--port', '0'], env)
  const daemon = await startProcess(t, data, ['up', '--hub', hub.url, '--name', 'studio'], { MESHBOOK_TOKEN: token })
  const folder = join(data, 'work')
  await mkdir(folder)
  const loop = 'import time\nfor i in range(40):\n    print("step", i, flush=True)\n    time.sleep(0.1)'
  await writeFile(join(folder, 'job.md'), `\`\`\`python\n${loop}\n\`\`\`\n`)
  assert.equal((await command(['attach', folder, '--data', data])).code, 0)
  const running = command(['run', join(folder, 'job.md'), '--data', data])
  const file = join(folder, 'job.md')
  await eventually('it prints', async () => (await readFile(file, 'utf8')).includes('step 5'))

  await hub.kill('SIGKILL')
  const port = new URL(hub.url).port
  const again = await startProcess(t, hubData, ['hub', '--port', port])
  await eventually('it goes on', async () => (await readFile(file, 'utf8')).includes('step 15'))
  await daemon.kill('SIGKILL')
  await startProcess(t, data, ['up'])
  const { code, stdout } = await running
  assert.equal(code, 0)
  const steps = Array.from({ length: 40 }, (_, i) => `step ${i}\n`).join('')
  assert.equal(stdout, steps)
  await eventually('the file is whole', async () => (await readFile(file, 'utf8')).includes(steps))

  const remote = { MESHBOOK_TOKEN: token }
  const listed = await command(['devices', '--json', '--hub', again.url], remote)
  assert.deepEqual(
    jsonLines(listed.stdout).map(({ name, status }) => [name, status]),
    [['studio', 'online']],
  )
  assert.equal((await command(['devices', 'rename', 'studio', 'GPU box', '--hub', again.url], remote)).code, 0)
  const revoking = ['devices', 'revoke', 'GPU box', '--hub', again.url]
  assert.equal((await command(revoking, remote)).code, 2, 'its live session would be lost')
  assert.equal((await command([...revoking, '--yes'], remote)).code, 0)
  assert.equal(
    jsonLines((await command(['devices', '--json', '--hub', again.url], remote)).stdout).filter(
      ({ status }) => status === 'online',
    ).length,
    0,
  )
  assert.equal(
    (await command(['devices', '--hub', again.url], { MESHBOOK_TOKEN: 'mb_wrongwrongwrongwrongwrong' })).code,
    3,
  )
})
