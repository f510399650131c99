/** Any process may be killed in the middle of a run: nothing is lost, nothing runs twice, nothing is orphaned (I5, I9). */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ApiClient } from '@meshbook/cli/api-client.ts'
import { type Run, runSchema } from '@meshbook/core/api.ts'
import { hasEnded, isTerminal, type NumberedEvent } from '@meshbook/core/run.ts'
import { clientOf, eventually, type MeshProcess, processesOf, startMesh, temporaryFolder } from '../mesh-process.ts'

const lines = 40
/** Counts its executions in a file, then prints for two seconds: what a program that matters looks like. */
const code = [
  "open('executions', 'a').write('x')",
  'import time',
  `for i in range(${lines}):`,
  "    print(f'line {i}', flush=True)",
  '    time.sleep(0.05)',
].join('\n')

interface Started {
  mesh: MeshProcess
  client: ApiClient
  run: Run
  file: string
}

async function startRun(t: TestContext): Promise<Started> {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const file = join(data, 'projects/demo/crash.md')
  await writeFile(file, `# Crash\n\n\`\`\`python\n${code}\n\`\`\`\n\nThe end.\n`)
  const client = await clientOf(mesh)
  const document = await eventually('the document exists', () =>
    client.documentAt('me/demo/crash.md').catch(() => undefined),
  )
  await eventually('the text arrived', async () =>
    (await client.text(`/documents/${document.id}/content`)).includes('The end.'),
  )
  const codeHash = createHash('sha256').update(code).digest('hex')
  const run = await client.post(
    '/runs',
    { document: document.id, cell: { by: 'index', index: 0 }, language: 'python', code, codeHash },
    runSchema,
  )
  await eventually('the first lines are in the file', async () => (await readFile(file, 'utf8')).includes('line 5'))
  return { mesh, client, run, file }
}

async function collect(client: ApiClient, run: string): Promise<NumberedEvent[]> {
  const events: NumberedEvent[] = []
  for await (const event of client.events(run, 0, AbortSignal.timeout(30_000))) events.push(event)
  return events
}

function printed(events: NumberedEvent[]): string {
  return events.map(({ event }) => (event.type === 'stdout' ? event.text : '')).join('')
}

const everyLine = Array.from({ length: lines }, (_, i) => `line ${i}\n`).join('')

function assertWhole(events: NumberedEvent[]): void {
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
    'the log has no gap',
  )
  assert.equal(events.filter(({ event }) => isTerminal(event)).length, 1, 'the log has one terminal event')
}

async function assertFileHas(file: string, output: string): Promise<void> {
  const text = await eventually('the file has the whole output', async () => {
    const now = await readFile(file, 'utf8')
    return now.includes(output.trimEnd()) && now
  })
  assert.equal(text.split('line 7\n').length, 2, 'a line stands in the file once')
  assert.ok(text.startsWith('# Crash\n') && text.endsWith('The end.\n'), 'the rest of the notebook is untouched')
  assert.equal(text.split('```output:').length, 2, 'there is one output block')
}

test('kill -9 of hub and daemon in mid-run: the kernel goes on, the log and the file are whole after the restart (I5, I9)', async t => {
  const { mesh, run, file } = await startRun(t)
  await mesh.kill('SIGKILL')
  await new Promise(resolve => setTimeout(resolve, 700))
  const again = await startMesh(t, mesh.data)
  const events = await collect(await clientOf(again), run.id)
  assertWhole(events)
  assert.equal(printed(events), everyLine)
  await assertFileHas(file, everyLine)
  assert.equal(await readFile(join(mesh.data, 'projects/demo/executions'), 'utf8'), 'x')
})

test('kill -9 of the kernel host in mid-run: another takes over, nothing is lost or repeated (I5, I9)', async t => {
  const { mesh, client, run, file } = await startRun(t)
  const hosts = (await processesOf(mesh.data)).filter(({ command }) => command.includes('kernel-host'))
  assert.equal(hosts.length, 1)
  process.kill(hosts[0]!.pid, 'SIGKILL')
  const events = await collect(client, run.id)
  assertWhole(events)
  assert.equal(printed(events), everyLine)
  await assertFileHas(file, everyLine)
  assert.equal(await readFile(join(mesh.data, 'projects/demo/executions'), 'utf8'), 'x')
})

test('kill -9 of the kernel in mid-run: the run says so and keeps its output so far, and the next run works (I9)', async t => {
  const { mesh, client, run, file } = await startRun(t)
  const kernels = (await processesOf(mesh.data)).filter(({ command }) => command.includes('kernels/python'))
  assert.ok(kernels.length > 0)
  for (const { pid } of kernels) process.kill(pid, 'SIGKILL')
  const events = await collect(client, run.id)
  assertWhole(events)
  const end = events.at(-1)!.event
  assert.equal(end.type === 'failed' && end.error.code, 'KERNEL_DIED')
  assert.ok(everyLine.startsWith(printed(events)) && printed(events).includes('line 5\n'))
  await eventually('the file has what was printed', async () =>
    (await readFile(file, 'utf8')).includes(printed(events).trimEnd()),
  )
  const next = await client.post(
    '/runs',
    { document: run.document, language: 'python', code: 'print("alive")' },
    runSchema,
  )
  assert.equal(printed(await collect(client, next.id)), 'alive\n')
})

test('a stop by Ctrl+C in mid-run ends the run in words, keeps its output, and leaves no process behind (I9)', async t => {
  const { mesh, run, file } = await startRun(t)
  assert.equal(await mesh.kill('SIGINT'), 0)
  assert.deepEqual(await processesOf(mesh.data), [])
  const text = await readFile(file, 'utf8')
  assert.ok(text.includes('line 5\n'))
  const client = await clientOf(await startMesh(t, mesh.data))
  const after = await eventually('the run has ended', async () => {
    const now = await client.get(`/runs/${run.id}`, runSchema)
    return hasEnded(now.status) && now
  })
  assert.equal(after.status, 'cancelled')
  assert.equal(await readFile(join(mesh.data, 'projects/demo/executions'), 'utf8'), 'x')
})
