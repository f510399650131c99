/** Runs on the phone, by touch, against a real hub, device and kernel (packages/web/src/phone/SPEC.md: PH20, PH42). */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DocumentInfo, Run } from '@meshbook/core/api.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { eventually, startMesh, temporaryFolder } from '../mesh-process.ts'
import { linkOf, looksGood, openPhone, type Phone, webFolder } from './phone-scene.ts'

interface Scene extends Phone {
  run(code: string): Promise<Run>
}

async function scene(t: TestContext, text = '# Page\n\n```python\n1\n```\n'): Promise<Scene> {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  await writeFile(join(data, 'projects/demo/page.md'), text)
  const phone = await openPhone(t, mesh)
  const document = await eventually('the hub has the notebook', async () => {
    const { items } = await phone.json<{ items: { id: string }[] }>('GET', '/projects')
    const found = await phone.json<{ items: DocumentInfo[] }>('GET', `/documents?project=${items[0]!.id}`)
    return found.items.find(({ path }) => path === 'page.md')
  })
  return Object.assign(phone, {
    run: (code: string) => phone.json<Run>('POST', '/runs', { document: document.id, language: 'python', code }),
  })
}

test('PH20 PH42 a run is seen live, says why it runs there, is interrupted and run again, and all that is there after a reload', async t => {
  const { page, run, tap, open, json, faults } = await scene(t)
  const begun = await run('import time\nfor n in range(600):\n    print("tick", n, flush=True)\n    time.sleep(0.1)')
  await open('/m/runs')
  await page.locator('.row', { hasText: 'Running' }).tap()
  await page.getByText('tick 3', { exact: false }).first().waitFor()
  await tap(/Where and why/)
  await page.getByText(/only online device/).waitFor()
  await looksGood(page, 'run live')
  await tap('Interrupt')
  await page.getByRole('button', { name: 'Run again' }).waitFor()
  await page.reload()
  await page.locator('.pill', { hasText: 'Cancelled' }).waitFor()
  await page.getByText('tick 1', { exact: false }).first().waitFor()
  await looksGood(page, 'run stopped')
  await tap('Run again')
  await page.waitForURL(url => url.pathname.startsWith('/m/runs/') && !url.pathname.endsWith(begun.id))
  const id = decodeURIComponent(new URL(page.url()).pathname.split('/').at(-1)!)
  assert.equal((await json<Run>('GET', `/runs/${id}`)).againOf, begun.id)
  await page.getByText('tick 1', { exact: false }).first().waitFor()
  await tap('Interrupt')
  await page.getByRole('button', { name: 'Run again' }).waitFor()
  await page.goBack()
  await page.goBack()
  const stopped = page.locator('.row', { hasText: 'Cancelled' })
  await eventually('the list has both', async () => (await stopped.count()) === 2)
  assert.deepEqual(faults, [])
})

test('PH20 a program asks on the phone; a password is masked and stands nowhere afterwards', async t => {
  const { page, run, tap, open } = await scene(t)
  const asks =
    'import getpass\nname = input("Name? ")\nword = getpass.getpass("Secret? ")\nprint("Hello", name, len(word))'
  const { id } = await run(asks)
  await open(`/m/runs/${id}`)
  await page.getByLabel('Name?').fill('Ada')
  await looksGood(page, 'run asks')
  await tap('Send')
  const secret = page.getByLabel('Secret?')
  await secret.waitFor()
  assert.equal(await secret.getAttribute('type'), 'password')
  await secret.fill('enigma')
  await tap('Send')
  await page.getByText('Hello Ada 6').waitFor()
  await page.reload()
  await page.getByText('Hello Ada 6').waitFor()
  assert.doesNotMatch(await page.content(), /enigma/)
  assert.equal(await secret.count(), 0)
})

test('PH42 a link leads from a run to its cell, wherever in the notebook that is', async t => {
  const cells = Array.from({ length: 60 }, (_, n) => `Text ${n}\n\n\`\`\`python\nprint("cell", ${n})\n\`\`\`\n`)
  const { page, tap, open } = await scene(t, `# Page\n\n${cells.join('\n')}`)
  await open('/m/p/demo/page.md')
  const last = page.locator('.cell').filter({ hasText: 'print("cell", 57)' })
  await last.scrollIntoViewIfNeeded()
  await last.getByRole('button', { name: 'Run the cell' }).tap()
  await last.locator('.output', { hasText: 'cell 57' }).waitFor()
  await open('/m/runs')
  await page.locator('.row', { hasText: 'Completed' }).tap()
  await tap(/Show its cell/, 'link')
  await page.waitForFunction(() => {
    const cell = [...document.querySelectorAll('.cell')].find(one => one.textContent?.includes('print("cell", 57)'))
    const { top = -1, bottom = 0 } = cell?.getBoundingClientRect() ?? {}
    return top > 0 && bottom < innerHeight
  })
})

test('PH42 the list is narrowed, keeps what was chosen, and goes on to older runs', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { id: document } = await hub.document('a.md', '# A\n')
  const { id: other } = await hub.document('b.md', '# B\n')
  const count = 130
  for (let n = 0; n < count; n++)
    await hub.json('POST', '/runs', { id: `r${n}`, session: `s${n}`, document, language: 'python', code: `${n}` })
  await hub.json('POST', '/runs', { id: 'other', document: other, language: 'python', code: 'x' })
  await hub.json('POST', '/runs/r3/cancel', {})
  const { page, tap, open, faults } = await openPhone(t, await linkOf(hub))
  await open('/m/runs')
  const rows = page.getByRole('list', { name: 'Runs' }).getByRole('listitem')
  await eventually('the first page', async () => (await rows.count()) === 100)
  await page.getByRole('button', { name: 'Show older runs' }).scrollIntoViewIfNeeded()
  await tap('Show older runs')
  await eventually('all of them', async () => (await rows.count()) === count + 1)
  await page.getByRole('combobox', { name: 'Notebook' }).selectOption({ label: 'b' })
  await eventually('those of one notebook', async () => (await rows.count()) === 1)
  await page.getByRole('combobox', { name: 'Notebook' }).selectOption('')
  await page.getByRole('combobox', { name: 'State' }).selectOption('cancelled')
  await eventually('those that were cancelled', async () => (await rows.count()) === 1)
  await looksGood(page, 'runs')
  await rows.first().getByRole('link').tap()
  await page.getByRole('button', { name: 'Back' }).tap()
  assert.equal(await page.getByRole('combobox', { name: 'State' }).inputValue(), 'cancelled')
  await page.getByRole('combobox', { name: 'State' }).selectOption('completed')
  await page.getByText('No run is like that').waitFor()
  assert.deepEqual(faults, [])
})
