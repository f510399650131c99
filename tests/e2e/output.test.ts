/** Output that tries to break the notebook: fences, carriage returns, garbage, far too much of it. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ApiClient } from '@meshbook/cli/api-client.ts'
import { runSchema } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { cellsOf, type OutputBlock, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import { clientOf, eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'

interface Ran {
  events: RunEvent[]
  /** The file, once the output in it is final. */
  text: string
  output: OutputBlock
  mesh: MeshProcess
  client: ApiClient
}

/** Runs the code as the first of two cells and waits until its output is in the file. */
async function runInNotebook(t: TestContext, code: string, isFinal: (output: string) => boolean): Promise<Ran> {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const file = join(data, 'projects/demo/output.md')
  await writeFile(
    file,
    `# Output\n\n\`\`\`python\n${code}\n\`\`\`\n\nBetween.\n\n\`\`\`python\nprint("second")\n\`\`\`\n\nThe end.\n`,
  )
  const client = await clientOf(mesh)
  const document = await eventually('the notebook is a document', () =>
    client.documentAt('me/demo/output.md').catch(() => undefined),
  )
  await eventually('its text arrived', async () =>
    (await client.text(`/documents/${document.id}/content`)).includes('The end.'),
  )
  const run = await client.post(
    '/runs',
    { document: document.id, cell: { by: 'index', index: 0 }, language: 'python', code },
    runSchema,
  )
  const events: RunEvent[] = []
  for await (const { event } of client.events(run.id, 0, AbortSignal.timeout(100_000))) events.push(event)
  assert.ok(isTerminal(events.at(-1)!))
  return eventually('the output is in the file', async () => {
    const text = await readFile(file, 'utf8')
    const output = cellsOf(parseNotebook(text))[0]?.output
    return output && isFinal(output.text) && { events, text, output, mesh, client }
  })
}

function assertNotebookIsWhole(text: string): void {
  const cells = cellsOf(parseNotebook(text))
  assert.equal(cells.length, 2, 'output has become a cell')
  assert.equal(cells[1]!.code, 'print("second")')
  assert.ok(text.startsWith('# Output\n\n') && text.endsWith('The end.\n') && text.includes('\nBetween.\n'))
}

test('fences of every kind that a program prints never become cells (S1)', async t => {
  const nasty = [
    '```python',
    'import os',
    '```',
    '````',
    '~~~bash',
    'echo owned',
    '~~~',
    '``````',
    '```output:run_x',
    '{python}',
    '---',
    '<!--',
    '```{code-cell} python',
    '$$',
    'last',
  ]
  const { text, output } = await runInNotebook(t, `print(${JSON.stringify(nasty.join('\n'))})`, output =>
    output.includes('last'),
  )
  assertNotebookIsWhole(text)
  assert.equal(output.text, nasty.join('\n'))
})

test('10,000 progress frames end as one line', async t => {
  const code = 'import sys\nfor i in range(10000):\n    sys.stdout.write(f"\\rstep {i + 1} of 10000")\nprint()'
  const { text, output } = await runInNotebook(t, code, output => output.includes('step 10000 of'))
  assertNotebookIsWhole(text)
  assert.equal(output.text, 'step 10000 of 10000')
})

test('binary garbage becomes text that any editor opens', async t => {
  const code =
    'import sys\nsys.stdout.buffer.write(bytes(i * 7919 % 256 for i in range(20000)))\nsys.stdout.buffer.flush()\nprint("\\nend")'
  const { text, output } = await runInNotebook(t, code, output => output.includes('\nend'))
  assertNotebookIsWhole(text)
  assert.doesNotMatch(output.text.replaceAll(/\u001b\[[0-9;]*m/g, ''), /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe]/)
  assert.ok(text.isWellFormed())
})

test('50 MB of output: the document stays small, the end is shown, the rest is one link away, memory stays bounded', async t => {
  const code = 'line = "x" * 99\nfor i in range(500_000): print(line)\nprint("the last line")'
  const { text, output, mesh, events } = await runInNotebook(t, code, output => output.includes('the last line'))
  assertNotebookIsWhole(text)
  assert.ok(output.text.length < 2 * limits.documentOutputBytes)
  assert.equal(events.at(-1)!.type, 'completed')
  const status = await readFile(`/proc/${mesh.pid}/status`, 'utf8')
  const peakMiB = Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024
  assert.ok(peakMiB < 900, `hub and daemon together peaked at ${Math.round(peakMiB)} MiB`)
})
