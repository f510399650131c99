/** The bounds that an owner sets for a device, from the command line to what the notebook says: real processes. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { listOf, type Run, runSchema } from '@meshbook/core/api.ts'
import { deviceInfoSchema } from '@meshbook/core/messages.ts'
import { clientOf, command, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'

const hoard = 'hoard = []\nimport time\nfor _ in range(200):\n    hoard.append(bytearray(10_000_000)); time.sleep(0.01)'
const late = 'import time\ntime.sleep(60)'

test('KH10 KH11 KH13 the bounds of a device hold for its runs, and the notebook says which was reached', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const client = await clientOf(mesh)
  const cell = (code: string) => `\`\`\`python\n${code}\n\`\`\`\n`
  const file = join(data, 'projects/demo/bounds.md')
  const text = `---\nmeshbook: {timeout: 10s}\n---\n\n${cell(hoard)}\n${cell(late)}\nThe end.\n`
  await writeFile(file, text)
  const { id: document } = await eventually('the document', () =>
    client.documentAt('me/demo/bounds.md').catch(() => undefined),
  )
  await eventually('its text', async () => (await client.text(`/documents/${document}/content`)).includes('The end.'))
  const { items } = await client.get('/devices', listOf(deviceInfoSchema))
  const set = ['devices', 'set', items[0]!.name, '--memory', '200MB', '--run-minutes', '5', '--idle-minutes', '60']
  const said = await command([...set, '--json', '--data', data])
  assert.equal(said.code, 0, said.stderr)
  assert.deepEqual(JSON.parse(said.stdout).policy.memoryBytes, 200 * 2 ** 20)
  const policy = async () => readFile(join(data, 'device/sessions/policy.json'), 'utf8').catch(() => '')
  await eventually('the device has it', async () => (await policy()).includes(`${200 * 2 ** 20}`))

  const run = async (index: number, code: string): Promise<Run> => {
    const { id } = await client.post(
      '/runs',
      { document, language: 'python', code, cell: { by: 'index', index } },
      runSchema,
    )
    return eventually(
      'it ends',
      async () => {
        const found = await client.get(`/runs/${id}`, runSchema)
        return found.endedAt !== null && found
      },
      60_000,
    )
  }
  const greedy = await run(0, hoard)
  assert.deepEqual([greedy.status, greedy.error?.code], ['failed', 'KERNEL_MEMORY'])
  const slow = await run(1, late)
  assert.deepEqual([slow.status, slow.error?.code], ['failed', 'RUN_TIMEOUT'])
  await eventually('the file says so', async () => {
    const now = await readFile(file, 'utf8')
    return /MB of the 200 MB that it may take/.test(now) && /it was given a timeout of 10 s/.test(now)
  })
})
