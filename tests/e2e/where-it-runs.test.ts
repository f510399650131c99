/** Where a notebook runs, as its page shows it and lets one choose: two real devices of one hub, a real browser. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { listOf } from '@meshbook/core/api.ts'
import { type DeviceInfo, sessionInfoSchema } from '@meshbook/core/messages.ts'
import type { Page } from 'playwright-core'
import { type OpenBrowser, openDocument } from '../browser.ts'
import {
  clientOf,
  command,
  eventually,
  type MeshProcess,
  startMesh,
  startProcess,
  temporaryFolder,
} from '../mesh-process.ts'
import { assertGoodPage, shot } from '../page-checks.ts'
import { inEachLook, lookAt, looks } from './fleet-scene.ts'
import { beginMesh, type SharedMesh, sharedMesh } from './shared-mesh.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const env = { MESHBOOK_BOOTSTRAP_TOKEN: token }
/** Its only device is that of the hub's process. Notebooks that run have a session of their own. */
const lonely = sharedMesh(env)
/** Other devices come and go, each with a name of its own. */
const visited = sharedMesh(env)
const visitors = ['anvil', 'bench', 'crane'] as const
const cell = (code: string): string => `\`\`\`python\n${code}\n\`\`\`\n`

interface Desk extends OpenBrowser {
  mesh: SharedMesh
  /** Of the device that is in the hub's process. */
  name: string
  /** Opens a notebook of this text. */
  open(path: string, text: string): Promise<void>
  read(path: string): Promise<string>
  /** Another device on this machine. */
  join(name: (typeof visitors)[number]): Promise<MeshProcess>
}

async function desk(t: TestContext, mesh: SharedMesh): Promise<Desk> {
  const browser = await mesh.open(t, looks[0])
  const answer = await browser.page.request.get(`${mesh.url}/api/v1/devices`)
  const { items } = (await answer.json()) as { items: DeviceInfo[] }
  return {
    ...browser,
    mesh,
    name: items.find(({ name }) => !visitors.some(visitor => visitor === name))!.name,
    async open(path, text) {
      await mesh.write(path, text)
      await openDocument(browser.page, mesh, path)
    },
    read: path => readFile(join(mesh.data, 'projects/demo', path), 'utf8'),
    join: async name =>
      startProcess(t, await temporaryFolder(t), ['up', '--hub', mesh.url, '--name', name], { MESHBOOK_TOKEN: token }),
  }
}

const runFirst = (page: Page) => page.locator('.cell').first().getByRole('button', { name: 'Run the cell' }).click()
const where = (page: Page) => page.locator('.topbar .where')
const output = (page: Page, text: string) => page.locator('.cell').first().getByText(text, { exact: true })

test('W50 W54 the bar goes from no runtime to the device, and the pill says why there, in every reason: light, and dark at 390 px', async t => {
  const d = await desk(t, await lonely())
  await d.open('a.md', `---\nsession: first\n---\n# A\n\n${cell('print(6 * 7)')}`)
  await inEachLook(d.page, () => where(d.page).getByText('No runtime').waitFor())
  await runFirst(d.page)
  await output(d.page, '42').waitFor()
  const why = d.page.locator('.popover:popover-open .why')
  await inEachLook(d.page, async look => {
    await where(d.page).getByText(d.name, { exact: true }).waitFor()
    await d.page.locator('.ran-on button').first().click()
    await why.getByText('this device').first().waitFor()
    for (const text of [/is the only online device that can run it/, /first run of its session/])
      await why.getByText(text).waitFor()
    assert.equal(await why.getByText(/fence/i).count(), 0)
    await assertGoodPage(d.page)
    await shot(d.page, `ran-on-${look.name}`)
    await d.page.keyboard.press('Escape')
    await where(d.page).click()
    await d.page.locator('.popover:popover-open').getByText('is live on').waitFor()
    await assertGoodPage(d.page)
    await shot(d.page, `where-${look.name}`)
    await d.page.keyboard.press('Escape')
  })
  assert.deepEqual(d.faults, [])
})

test('W51 W52 a choice holds over a reload, also of a device that is offline; kept in the notebook it is in the file', async t => {
  const d = await desk(t, await visited())
  const anvil = await d.join('anvil')
  await d.open('b.md', `---\ntitle: B\n---\n${cell('print(1)')}`)
  await where(d.page).click()
  const choices = d.page.locator('.popover:popover-open .run-on')
  await choices.getByRole('button', { name: /^anvil/ }).click()
  await where(d.page).getByText('anvil').waitFor()
  await anvil.kill('SIGKILL')
  await d.page.reload()
  await where(d.page).getByText('anvil').waitFor()
  await eventually('it is said to be away', async () => /warn/.test((await where(d.page).getAttribute('class')) ?? ''))
  await where(d.page).click()
  await d.page.locator('.popover:popover-open').getByText('no other device is tried').waitFor()
  await shot(d.page, 'where-away')
  await choices.getByRole('button', { name: 'Keep in the notebook' }).click()
  await eventually('the file has it', async () =>
    (await d.read('b.md')).startsWith('---\ntitle: B\nmeshbook:\n  runs-on: anvil\n---\n'),
  )
  await where(d.page).getByText('anvil').waitFor()
  await where(d.page).click()
  await choices.getByText('As the notebook says: anvil').waitFor()
  await choices.getByRole('button', { name: /Take .anvil. out/ }).click()
  await where(d.page).getByText('No runtime').waitFor()
  await eventually('the file is as before', async () => (await d.read('b.md')).startsWith('---\ntitle: B\n---\n'))
})

test('W55 a run whose device is away says all that keeps it and is given to another from its cell: light, and dark at 390 px', async t => {
  const d = await desk(t, await visited())
  const bench = await d.join('bench')
  const folder = join(bench.data, 'demo')
  await mkdir(folder)
  assert.equal((await command(['attach', folder, '--project', 'demo', '--data', bench.data])).code, 0)
  await d.open('c.md', `---\nsession: waits\nmeshbook: {runs-on: bench}\n---\n${cell('print(2 + 3)')}`)
  await where(d.page).getByText('bench').waitFor()
  await eventually('bench has it', async () => (await readdir(folder)).includes('c.md'))
  await bench.kill('SIGTERM')
  await eventually('it is away', async () => /warn/.test((await where(d.page).getAttribute('class')) ?? ''))
  await runFirst(d.page)
  const notice = d.page.locator('.cell .notice.wait')
  await inEachLook(d.page, async look => {
    await notice.getByText(/The notebook says that it runs on bench/).waitFor()
    assert.match(await notice.innerText(), /bench (is offline|does not answer)/)
    assert.match(await notice.innerText(), /Wake bench, or choose another device|when bench answers again/)
    await assertGoodPage(d.page)
    await shot(d.page, `waiting-${look.name}`)
  })
  await lookAt(d.page, looks[1]!)
  await notice.getByRole('button', { name: 'Run on…' }).click()
  await d.page
    .locator('.popover:popover-open')
    .getByRole('button', { name: new RegExp(`^${d.name}`) })
    .click()
  await output(d.page, '5').waitFor()
  await notice.waitFor({ state: 'detached' })
})

test('W53 a forked runtime has its own variables, also over a reload; another browser stays in the shared session', async t => {
  const d = await desk(t, await lonely())
  const client = await clientOf(d.mesh)
  const live = async () => (await client.get('/sessions', listOf(sessionInfoSchema))).items.filter(one => one.device)
  const before = (await live()).length
  const code = cell('try:\n    x += 1\nexcept NameError:\n    x = 1\nprint("x is", x)')
  await d.open('d.md', `---\nsession: counted\n---\n${code}`)
  const runsTo = async (page: Page, text: string) => {
    await runFirst(page)
    await output(page, text).waitFor()
  }
  await runsTo(d.page, 'x is 1')
  await runsTo(d.page, 'x is 2')
  await where(d.page).click()
  await d.page.getByRole('button', { name: 'Fork runtime' }).click()
  await runsTo(d.page, 'x is 1')
  await d.page.reload()
  await runsTo(d.page, 'x is 2')
  const other = await d.mesh.show(t, 'd.md')
  await runsTo(other.page, 'x is 3')
  await where(d.page).click()
  await d.page.getByRole('button', { name: 'Back to the shared session' }).click()
  await runsTo(d.page, 'x is 4')
  assert.equal((await live()).length, before + 2)
})

test('W66 the account menu shows the devices and overrides where the notebook runs, by keys; so does the palette', async t => {
  const d = await desk(t, await visited())
  await d.join('crane')
  await d.open('e.md', cell('print(1)'))
  await where(d.page).getByText('No runtime').waitFor()
  const account = d.page.getByRole('button', { name: 'Account, devices and settings' })
  await account.focus()
  await d.page.keyboard.press('Enter')
  const panel = d.page.getByRole('dialog', { name: 'Account, devices and settings' })
  await panel
    .locator('.run-on')
    .getByRole('button', { name: /^crane/ })
    .waitFor()
  await assertGoodPage(d.page)
  await shot(d.page, 'account-menu')
  await panel
    .locator('.run-on')
    .getByRole('button', { name: /^crane/ })
    .focus()
  await d.page.keyboard.press('Enter')
  await where(d.page).getByText('crane').waitFor()
  await d.page.keyboard.press('Control+k')
  await d.page.keyboard.type('run on automatic')
  await d.page.keyboard.press('Enter')
  await where(d.page).getByText('No runtime').waitFor()
})

test('W65 losing the hub and having it back is announced once each, and typing is not', async t => {
  const d = await desk(t, await beginMesh(t, env))
  await d.open('f.md', `# F\n\n${cell('print(1)')}`)
  await d.page.locator('[data-sync="synced"]').waitFor()
  await d.page.evaluate(() => {
    const world = globalThis as unknown as { heard: string[] }
    world.heard = []
    const place = document.querySelector('.announcer')!
    new MutationObserver(() => world.heard.push(place.textContent ?? '')).observe(place, {
      childList: true,
      characterData: true,
      subtree: true,
    })
  })
  const heard = () => d.page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard)
  await d.page.locator('.cell .cm-content, .cell .code-static').first().click()
  await d.page.keyboard.type('  # typed')
  await eventually('it is synced', async () => (await d.page.locator('[data-sync="synced"]').count()) === 1)
  assert.deepEqual(await heard(), [])
  const port = new URL(d.mesh.url).port
  await d.mesh.kill('SIGKILL')
  await eventually('it is said', async () => (await heard()).some(text => /cannot be reached|Offline/.test(text)))
  await d.page.keyboard.type(' more')
  await d.page.getByText('Offline, changes saved locally').first().waitFor()
  await startMesh(t, d.mesh.data, ['--port', port])
  await eventually('it is said to be back', async () =>
    (await heard()).some(text => /again|every change is on the hub/.test(text)),
  )
  await d.page.getByText('Synced ✓').first().waitFor()
})
