/** Packages that a project asks for: offered on the page, installed on the device, found by the cell; preferred by the router. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { listOf } from '@meshbook/core/api.ts'
import { deviceInfoSchema } from '@meshbook/core/messages.ts'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { clientOf, command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'
import { assertGoodPage, shot } from '../page-checks.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const run = promisify(execFile)
const wheel = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("greet.py", "def hello(): return 'hello from greet'\\n")
    z.writestr("greet-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: greet\\nVersion: 1.0\\n")
    z.writestr("greet-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("greet-1.0.dist-info/RECORD", "greet.py,,\\ngreet-1.0.dist-info/METADATA,,\\ngreet-1.0.dist-info/WHEEL,,\\ngreet-1.0.dist-info/RECORD,,\\n")
`

test('EN5 EN6 EN9 EN11 the page offers the packages of requirements.txt, shows them coming, and the cell finds them', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data, ['--port', '0'], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  const folder = join(data, 'projects/demo')
  await run('python3', ['-c', wheel, join(folder, 'greet-1.0-py3-none-any.whl')])
  await writeFile(join(folder, 'a.md'), '# A\n\n```python\nimport greet; print(greet.hello())\n```\n')
  await writeFile(join(folder, 'requirements.txt'), './greet-1.0-py3-none-any.whl\n')
  const { page, faults } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, 'a.md')
  const offer = page.locator('.banner.environment')
  await offer.getByText('does not have the packages of requirements.txt yet').waitFor({ timeout: 45_000 })
  await assertGoodPage(page)
  await shot(page, 'environment-offer')
  await offer.getByRole('button', { name: 'Create the environment' }).click()
  await offer.getByText('Installing the packages of requirements.txt').waitFor()
  await shot(page, 'environment-making')
  await offer.waitFor({ state: 'detached', timeout: 90_000 })
  await page.locator('.cell').first().getByRole('button', { name: 'Run the cell' }).click()
  await page.locator('.cell').first().getByText('hello from greet', { exact: true }).waitFor()

  // Another device without them is not chosen, though it has less to do; and it says what it would miss.
  const client = await clientOf(mesh)
  const other = await startProcess(t, await temporaryFolder(t), ['up', '--hub', mesh.url, '--name', 'bare'], {
    MESHBOOK_TOKEN: token,
  })
  const attached = await temporaryFolder(t)
  await command(['attach', attached, '--project', 'demo', '--data', other.data])
  const lacks = async () => {
    const { items } = await client.get('/devices', listOf(deviceInfoSchema))
    const bare = items.find(({ name }) => name === 'bare')
    return bare?.environments?.some(({ state }) => state === 'missing') ? bare : undefined
  }
  const device = await eventually('the other device tells what it lacks', lacks, 60_000)
  await client.send('PATCH', `/devices/${device.id}`, { policy: { environments: 'automatic' } })
  await eventually(
    'its policy makes it install them',
    async () => {
      const { items } = await client.get('/devices', listOf(deviceInfoSchema))
      return items.find(({ name }) => name === 'bare')?.environments?.every(({ state }) => state === 'ready')
    },
    120_000,
  )
  assert.deepEqual(faults, [])
})
