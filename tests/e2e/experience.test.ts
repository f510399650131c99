/**
 * What the phone promises its users, clause by clause, by touch, against a real hub, devices and kernels: each by what is
 * still so after a reload or in the file (packages/web/src/phone/SPEC.md).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Gate, Run } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import type { NotifySettings } from '@meshbook/core/notify-api.ts'
import { started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { clientOf, eventually } from '../mesh-process.ts'
import { assertGoodPage, assertNoSidewaysScrolling, settle, shot } from '../page-checks.ts'
import {
  type Clause,
  code,
  counts,
  desktopAt,
  devices,
  edit,
  hub,
  inLowerHalf,
  joined,
  open,
  phone,
  pick,
  pull,
  ran,
  run,
  shows,
  startAgain,
  withHub,
} from './experience-phone.ts'
import { linkOf, openPhone, smallTargets, webFolder } from './phone-scene.ts'
import { begin, gateEvent, pushScene, wayOf } from './push-scene.ts'

withHub()

const png = `import struct, zlib
def part(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
class Picture:
    def _repr_png_(self):
        rows = b"".join(b"\\0" + b"\\x20\\x80\\xe0" * 30 for _ in range(20))
        head = struct.pack(">IIBBBBB", 30, 20, 8, 2, 0, 0, 0)
        return b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
print("draw" "n")
Picture()`

/** An image that was really decoded, of an asset. */
async function pictureShown(page: Page): Promise<void> {
  const picture = page.locator('.output img').first()
  await picture.scrollIntoViewIfNeeded()
  await eventually('the picture is decoded', () =>
    picture.evaluate(
      (one: HTMLImageElement) => one.src.includes('/assets/') && one.complete && one.naturalWidth === 30,
    ),
  )
}

const output = ({ page }: Clause, text: string) => page.locator('.output').getByText(text, { exact: true }).first()

test('the reader shows Markdown, tables, formulas, outputs and pictures by their asset, and never asks for an editor', async t => {
  const prose = '# Air\n\nSome **bold** words.\n\n| day | height |\n| --- | --- |\n| monday | 7 |\n'
  const c = await open(t, `${prose}\n${code(png)}`)
  const { page, again, has, cell } = c
  const scripts = new Set<string>()
  const asked = new Set<string>()
  page.on('request', request => {
    asked.add(request.url())
    if (request.resourceType() === 'script') scripts.add(request.url())
  })
  await run(c, 'Picture')
  await has('its output', now => now.includes('drawn'))
  await again()
  await page.getByRole('heading', { name: 'Air' }).waitFor()
  await page.locator('strong', { hasText: 'bold' }).waitFor()
  await page.locator('table td', { hasText: 'monday' }).waitFor()
  await cell('Picture').getByText('drawn', { exact: true }).waitFor()
  await pictureShown(page)
  const isFormula = (url: string) => /katex/i.test(url)
  assert.ok(![...asked].some(isFormula), 'no formula, none of what draws it')
  await edit(c, 'Picture')
  await page.getByRole('button', { name: 'Done' }).tap()
  await page.getByRole('button', { name: 'Edit the text' }).first().tap()
  const area = page.getByRole('textbox', { name: 'Text' })
  await area.press('Control+End')
  await page.keyboard.type('\n\nEnergy is $E = mc^2$.')
  await has('the formula', now => now.includes('$E = mc^2$'))
  await page.getByRole('button', { name: 'Done' }).tap()
  await page.locator('.katex').first().waitFor()
  await again()
  await page.locator('.katex').first().waitFor()
  assert.ok([...asked].some(isFormula), 'it came when it was met')
  for (const url of scripts) {
    const text = await (await page.request.get(url)).text()
    assert.ok(!/cm-content|CodeMirror/.test(text), `${url} has an editor in it`)
  }
})

test('the first list is there at once, before the hub has said anything, and is then brought up to date in place', async t => {
  const { page, context, name } = await open(t, '# Kept\n')
  await page.goto(`${hub().url}/m/`)
  const row = page.getByRole('link', { name: new RegExp(`${name.replace('.md', '')}\\b`) })
  await row.first().waitFor()
  await page.waitForTimeout(500)
  const answers = { late: true }
  await context.route('**/api/v1/**', async route => {
    await eventually('the hub may answer', () => !answers.late, 30_000)
    await route.continue().catch(() => undefined)
  })
  await open(t, '# Added meanwhile\n')
  const from = performance.now()
  await page.reload({ waitUntil: 'commit' })
  await row.first().waitFor()
  const ms = performance.now() - from
  assert.ok(answers.late)
  t.diagnostic(`from what is kept after ${Math.round(ms)} ms`)
  assert.ok(ms < 5_000, `${ms} ms`)
  const added = page.getByRole('link', { name: /^clause-\d+/ })
  const before = await added.count()
  answers.late = false
  await eventually('what is new stands there too', async () => (await added.count()) > before)
  await context.setOffline(true)
  await page.reload()
  await row.first().waitFor()
  assert.ok((await added.count()) > before, 'also the new one is kept')
})

const pages = ['/m/', '/m/inbox', '/m/runs', '/m/devices', '/m/settings']

/** What cannot be pressed with a thumb, or makes the page scroll sideways. */
async function fits(page: Page, where: string): Promise<void> {
  await assertNoSidewaysScrolling(page)
  assert.deepEqual(await smallTargets(page), [], where)
}

test('at 390 and 320 px, light and dark, with letters of twice the size, all can be pressed and nothing scrolls sideways', async t => {
  const text = `# A long heading of many words\n\n| a | b | c |\n| --- | --- | --- |\n| ${'wide '.repeat(30)}| 1 | 2 |\n`
  const c = await open(t, `${text}\n${code(`print("${'long '.repeat(40)}")`)}`)
  const { page, context, name, again } = c
  await run(c, 'long')
  await output(c, 'long '.repeat(40).trimEnd())
    .or(page.locator('.output', { hasText: 'long' }))
    .first()
    .waitFor()
  const cdp = await context.newCDPSession(page)
  const size = () => page.evaluate(() => Number.parseFloat(getComputedStyle(document.body).fontSize))
  const usual = await size()
  for (const path of [...pages, `/m/p/demo/${name}`]) {
    await page.goto(hub().url + path)
    await page.locator('.page h1').first().waitFor()
    await page.waitForTimeout(300)
    for (const letters of [1, 2]) {
      await cdp.send('Page.setFontSizes', { fontSizes: { standard: 16 * letters, fixed: 13 * letters } })
      for (const width of [390, 320]) {
        await page.setViewportSize({ width, height: 844 })
        await shot(page, `experience ${path.replaceAll('/', '-')} ${width} ${letters}`)
        await fits(page, `${path} at ${width} px, letters ${letters}`)
      }
    }
    assert.equal(await size(), usual * 2, 'it follows the system')
  }
  await cdp.send('Page.setFontSizes', { fontSizes: { standard: 16, fixed: 13 } })
  await page.setViewportSize({ width: 390, height: 844 })
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await ground()
  await page.emulateMedia({ colorScheme: 'dark' })
  assert.notEqual(await ground(), light)
  await again()
  assert.notEqual(await ground(), light)
  await assertGoodPage(page, { colours: true })
})

test('what is used most lies in the lower half, and nothing under a notch or the bar of the system', async t => {
  const c = await open(t, `# A\n\n${code('x = 1')}`)
  const { page, context, again } = c
  const cdp = await context.newCDPSession(page)
  await cdp.send('Emulation.setSafeAreaInsetsOverride', { insets: { top: 47, topMax: 47, bottom: 34, bottomMax: 34 } })
  await again()
  await page.locator('.notebook-bar button').first().waitFor()
  assert.ok(await inLowerHalf(page.locator('.tabs a, .notebook-bar button')))
  const edges = () =>
    page.evaluate(() => {
      const all = [...document.querySelectorAll('.tabs a, .notebook-bar button, .key-bar button, .head button')]
      const boxes = all.map(one => one.getBoundingClientRect()).filter(({ height }) => height > 0)
      return { top: Math.min(...boxes.map(({ top }) => top)), bottom: Math.max(...boxes.map(({ bottom }) => bottom)) }
    })
  const { top, bottom } = await edges()
  assert.ok(top >= 47, `a button begins at ${top}`)
  assert.ok(bottom <= 844 - 34 + 0.5, `a button ends at ${bottom}`)
  await page.getByRole('button', { name: 'More', exact: true }).tap()
  await page.getByRole('dialog').waitFor()
  await settle(page)
  const sheet = page.getByRole('dialog').getByRole('button')
  const lowest = await sheet.evaluateAll(all => Math.max(...all.map(one => one.getBoundingClientRect().bottom)))
  assert.ok(lowest <= 844 - 34 + 0.5, `the sheet ends at ${lowest}`)
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).tap()
  await edit(c, 'x = 1')
  await page.locator('.key-bar').waitFor()
  assert.ok(await inLowerHalf(page.locator('.key-bar button')))
  assert.ok((await edges()).bottom <= 844 - 34 + 0.5)
})

test('pulled down, a list shows what is new, also when no news came', async t => {
  const c = await open(t, '# A\n', context =>
    context.addInitScript(() => {
      const listen = EventSource.prototype.addEventListener
      EventSource.prototype.addEventListener = function (this: EventSource, type: string) {
        listen.call(this, type, () => undefined)
      } as typeof listen
    }),
  )
  const { page, context } = c
  await page.goto(`${hub().url}/m/`)
  const rows = page.getByRole('link', { name: /^clause-\d+/ })
  await rows.first().waitFor()
  await page.waitForTimeout(1_500)
  const { name } = await open(t, '# New\n')
  await page.waitForTimeout(500)
  const fresh = page.getByRole('link', { name: new RegExp(`${name.replace('.md', '')}\\b`) })
  assert.equal(await fresh.count(), 0, 'it heard nothing')
  await pull(page, context, 240)
  await page.getByText('Up to date').waitFor()
  await fresh.first().waitFor()
  await page.reload()
  await fresh.first().waitFor()
})

test('prose and code are edited in a text area while somebody else types there, and both texts are kept', async t => {
  const c = await open(t, `# Ours\n\n${code('mine = 1')}`)
  const { page, has, again } = c
  const other = await desktopAt(t, c)
  await edit(c, 'mine = 1')
  await other.locator('.cell .cm-content').first().click()
  await other.keyboard.press('Control+Home')
  await Promise.all([
    page.keyboard.type('\nfrom_phone = "abcdefghij"', { delay: 40 }),
    other.keyboard.type('from_desk = "klmnopqrst"\n', { delay: 40 }),
  ])
  await has('both in the code', now => /from_desk = "klmnopqrst"\nmine = 1\nfrom_phone = "abcdefghij"/.test(now))
  await page.getByRole('button', { name: 'Edit the text' }).first().tap()
  const area = page.getByRole('textbox', { name: 'Text' })
  await area.press('Control+End')
  await page.keyboard.type('\n\nWords of the phone.')
  await has('the prose too', now => now.includes('# Ours\n\nWords of the phone.'))
  await again()
  await page.getByText('Words of the phone.').waitFor()
  await page.getByText('from_desk').first().waitFor()
})

test('nothing is written while an input method composes, and what was composed is one edit beside that of another', async t => {
  const c = await open(t, `# A\n\n${code('word = "start"')}`)
  const { page, context, has, text, again } = c
  const other = await desktopAt(t, c)
  const area = await edit(c, 'word = ')
  await area.press('ArrowLeft')
  const cdp = await context.newCDPSession(page)
  for (const composed of ['に', 'にほ', 'にほん']) {
    const at = composed.length
    await cdp.send('Input.imeSetComposition', { text: composed, selectionStart: at, selectionEnd: at })
    await page.waitForTimeout(150)
  }
  await other.locator('.cell .cm-content').first().click()
  await other.keyboard.press('Control+Home')
  await other.keyboard.type('# from another\n')
  await has('the other has written', now => now.includes('# from another\nword = "start"'))
  await page.waitForTimeout(500)
  assert.ok(!/[に日]/.test(await text()), 'what is composed is not written')
  assert.ok((await area.inputValue()).includes('startにほん'), 'and not disturbed')
  await cdp.send('Input.insertText', { text: '日本' })
  await has('both', now => now.includes('# from another\nword = "start日本"'))
  assert.equal(await area.inputValue(), '# from another\nword = "start日本"')
  await page.getByRole('button', { name: 'Undo', exact: true }).tap()
  await has('one undo takes it back, whole', now => now.includes('# from another\nword = "start"\n'))
  await page.getByRole('button', { name: 'Redo', exact: true }).tap()
  await has('it is there again', now => now.includes('"start日本"'))
  await again()
  await page.getByText('start日本').first().waitFor()
})

test('the bar over the keyboard types Tab, brackets, quotes and : = _ #, undoes, and runs, with the keyboard open', async t => {
  const c = await open(t, `# A\n\n${code('if True')}`)
  const { page, has, again } = c
  const area = await edit(c, 'if True')
  const keys = async (...names: string[]) => {
    for (const name of names)
      await page.getByRole('toolbar', { name: 'Keys' }).getByRole('button', { name, exact: true }).tap()
  }
  await keys(':')
  await page.keyboard.type('\n')
  assert.equal(await area.inputValue(), 'if True:\n    ', 'Enter indents')
  await page.keyboard.press('Home')
  await page.keyboard.press('Shift+End')
  await page.keyboard.press('Delete')
  await keys('Tab')
  await page.keyboard.type('a')
  await keys('_', '=', '[', '"')
  await page.keyboard.type('k')
  await keys('"')
  await page.keyboard.type(',')
  await keys("'")
  await page.keyboard.type('l')
  await keys("'", ']', '#')
  await page.keyboard.press('Enter')
  await page.keyboard.type('print')
  await keys('(')
  await page.keyboard.type('a_')
  await has('what was typed', now => now.includes(`if True:\n    a_=["k",'l']#\n`) && now.includes('print(a_)'))
  await page.waitForTimeout(1_200)
  await page.keyboard.type('wrong')
  await has('a slip', now => now.includes('a_wrong'))
  await keys('Undo')
  await has('it is undone', now => now.includes('print(a_)') && !now.includes('wrong'))
  assert.ok(await area.evaluate(one => one === document.activeElement), 'the keyboard stays open')
  await keys('Run the cell')
  await has('it ran', now => now.includes("\n['k', 'l']\n"))
  await again()
  await output(c, "['k', 'l']").waitFor()
})

test('a cell runs, is interrupted, asks; a password is masked and stands nowhere', async t => {
  const loop = 'import time\nprint("be" "gan", flush=True)\ntime.sleep(600)'
  const asks = 'import getpass\nname = input("Who? ")\nword = getpass.getpass("Word? ")\nprint(name, len(word))'
  const c = await open(t, `# A\n\n${code('print(6 * 7)')}\n${code(loop)}\n${code(asks)}`)
  const { page, has, again, cell } = c
  await run(c, '6 * 7')
  await has('it ran', now => now.includes('\n42\n'))
  await run(c, 'sleep')
  await cell('sleep').getByText('began', { exact: true }).waitFor()
  await cell('sleep').getByRole('button', { name: 'Interrupt the cell' }).tap()
  const stopped = cell('sleep').locator('.ran').filter({ hasText: 'Cancelled' })
  await stopped.waitFor()
  await run(c, 'getpass')
  await cell('getpass').getByLabel('Who?').fill('Ada')
  await cell('getpass').getByRole('button', { name: 'Send' }).tap()
  const word = cell('getpass').getByLabel('Word?')
  await word.waitFor()
  assert.equal(await word.getAttribute('type'), 'password')
  await word.fill('hunter2hunter2')
  await cell('getpass').getByRole('button', { name: 'Send' }).tap()
  assert.ok(!(await has('it was answered', now => now.includes('Ada 14'))).includes('hunter2'))
  await again()
  await cell('6 * 7').getByText('42', { exact: true }).waitFor()
  await cell('sleep').getByText('began', { exact: true }).waitFor()
  await stopped.waitFor()
  await cell('getpass').getByText('Ada 14').waitFor()
  assert.ok(!(await page.content()).includes('hunter2'))
})

for (const [how, cut, mend] of [
  ['off the network', ({ cut }: Clause) => cut(), ({ mend }: Clause) => mend()],
  [
    'while the server is down',
    async ({ page }: Clause) => {
      await hub().kill('SIGKILL')
      await page.getByText('The hub does not answer.').waitFor()
    },
    () => startAgain(),
  ],
] as const)
  test(`${how} a notebook opens with outputs and pictures and is edited; the edit survives, and is in the file afterwards`, async t => {
    const c = await open(t, `# Away\n\n${code(png)}\n${code('x = 1')}`)
    const { page, has, name } = c
    await run(c, 'Picture')
    await has('its output', now => now.includes('drawn'))
    await pictureShown(page)
    await page.waitForTimeout(2_500)
    await cut(c)
    await page.goto(`${hub().url}/m/`)
    const row = page.getByRole('link', { name: new RegExp(`${name.replace('.md', '')}\\b`) }).first()
    await row.tap()
    const shown = async () => {
      await page.getByRole('heading', { name: 'Away', exact: true }).waitFor()
      await output(c, 'drawn').waitFor()
      await pictureShown(page)
    }
    await shown()
    await edit(c, 'x = 1')
    await page.keyboard.type('\nwritten_away = 2')
    await page.getByText('Offline, changes saved locally').waitFor()
    await page.reload()
    await shown()
    await page.getByText('written_away = 2').first().waitFor()
    await mend(c)
    await has('the file has it', now => now.includes('x = 1\nwritten_away = 2'))
    await page.reload()
    await page.getByText('written_away = 2').first().waitFor()
  })

test('a run that is queued without a network runs once when it is back, over reloads', async t => {
  const c = await open(t, `# A\n\n${code(counts('once.txt'))}`)
  const { page, cut, mend, has, again } = c
  await cut()
  await run(c, 'once.txt')
  await page.getByText('Queued on this phone').waitFor()
  await again()
  await page.getByText('Queued on this phone').waitFor()
  await mend()
  await has('its output', now => now.includes('\nran once.txt\n'))
  await again()
  await output(c, 'ran once.txt').waitFor()
  await page.waitForTimeout(1_000)
  assert.equal(await ran('once.txt'), 1)
})

test('“still want this?” is asked when the cell was changed meanwhile, and what one says is done', async t => {
  const c = await open(t, `# A\n\n${code(counts('old.txt'))}`)
  const { page, cut, mend, has, again } = c
  const other = await desktopAt(t, c)
  await cut()
  await run(c, 'old.txt')
  await page.getByText('Queued on this phone').waitFor()
  await other.locator('.cell .cm-content').first().click()
  await other.keyboard.press('Control+a')
  await other.keyboard.insertText(counts('new.txt'))
  await has('it was changed', now => now.includes('new.txt'))
  await mend()
  await shows(c, 'Still want this?')
  await again()
  await page.getByText('The cell has other code now').waitFor()
  assert.deepEqual([await ran('old.txt'), await ran('new.txt')], [0, 0])
  await page.getByRole('button', { name: 'Run the new code' }).tap()
  await has('the new code ran', now => now.includes('\nran new.txt\n'))
  await again()
  assert.deepEqual([await ran('old.txt'), await ran('new.txt')], [0, 1])
})

test('“still want this?” is asked when it waited too long, and yes runs it once', async t => {
  const c = await open(t, `# A\n\n${code(counts('late.txt'))}`, context =>
    context.addInitScript(() => {
      const { now } = Date
      Date.now = () => now() + Number(localStorage.getItem('test.later') ?? 0)
      // The worker keeps the true time, by which the run has not waited for long: here the page alone sends.
      Object.defineProperty(ServiceWorkerRegistration.prototype, 'sync', { value: undefined })
    }),
  )
  const { page, cut, mend, has, again } = c
  await cut()
  await run(c, 'late.txt')
  await page.getByText('Queued on this phone').waitFor()
  await page.evaluate(() => localStorage.setItem('test.later', String(25 * 3_600_000)))
  await mend()
  await shows(c, 'It has waited longer than it was wanted for.')
  await again()
  await page.getByText('Still want this?').waitFor()
  assert.equal(await ran('late.txt'), 0)
  await page.getByRole('button', { name: 'Run it' }).tap()
  await has('it ran', now => now.includes('\nran late.txt\n'))
  await again()
  await page.waitForTimeout(500)
  assert.equal(await ran('late.txt'), 1)
})

test('a queued run that was taken back never runs', async t => {
  const c = await open(t, `# A\n\n${code(counts('never.txt'))}`)
  const { page, cut, mend, again } = c
  await cut()
  await run(c, 'never.txt')
  await page.getByRole('button', { name: 'Take back' }).tap()
  await page.getByRole('button', { name: 'Run the cell' }).waitFor()
  await again()
  await mend()
  await page.getByText('Synced ✓').waitFor({ timeout: 60_000 })
  await page.waitForTimeout(2_000)
  await again()
  assert.equal(await page.getByText('Queued on this phone').count(), 0)
  assert.equal(await ran('never.txt'), 0)
})

test('push tells of what is done, failed and waiting; when it was last confirmed, and the Test, are there after a reload', async t => {
  const s = await pushScene(t)
  const { page, context, tap, open: goTo, json } = s.phone
  await goTo('/m/settings')
  await context.grantPermissions(['notifications'])
  await tap('Notify me')
  await page.getByText('This phone is told').waitFor()
  const way = page.locator('.way')
  await way.getByRole('button', { name: 'Test' }).tap()
  const pass = async (what: string, holds: (payload: { kind?: string; url?: string }) => boolean) => {
    const found = await eventually(`the service has ${what}`, () =>
      s.subscription.received.findLast(({ payload }) => holds(payload)),
    )
    await s.deliver(JSON.stringify(found.payload))
  }
  await pass('the test', ({ kind }) => kind === 'test')
  await way.getByText(/^It went the whole way/).waitFor()
  await page.reload()
  await way.getByText(/^Push last confirmed at \d/).waitFor()
  await way.getByRole('button', { name: 'Test' }).waitFor()
  assert.ok((await wayOf(s))?.current)
  await json('PUT', '/push/settings', { kinds: {}, afterSeconds: 0, quiet: null, projects: [] })
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await page.waitForTimeout(500)
  const [done, failed, waiting] = [await begin(s, 'done'), await begin(s, 'failed'), await begin(s, 'waiting')]
  await s.desk.emit(done, 2, [{ type: 'completed', at: Date.now(), durationMs: 5 }])
  await s.desk.emit(failed, 2, [
    { type: 'failed', at: Date.now(), durationMs: 5, error: { name: 'ValueError', message: 'no', traceback: [] } },
  ])
  const asked = gateEvent()
  await s.desk.emit(waiting, 2, [asked])
  for (const url of ['/m/runs/done', '/m/runs/failed', `/m/gates/${asked.gate}`]) {
    await pass(url, payload => payload.url === url)
    await eventually(`${url} is shown`, async () => (await s.shown()).some(notice => notice.url === url))
  }
})

test('what a run asks is approved or rejected with the exact bytes in sight; the receipt and its time last', async t => {
  const test = await startTestHub(t, { webFolder })
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('deploy.md', '# A\n')
  const { page, tap, open: goTo } = await openPhone(t, await linkOf(test))
  for (const [decision, button, word] of [
    ['approved', 'Approve', 'Approved'],
    ['rejected', 'Reject', 'Rejected'],
  ] as const) {
    const shown = `rm -rf \u202e/${decision} # \u200b\n\tend`
    await test.json('POST', '/runs', { id: decision, session: decision, document, language: 'python', code: 'x' })
    const { lease } = await desk.next('LEASE', ({ lease }) => lease.run === decision)
    await desk.emit(lease, 1, [started])
    const asked = { ...gateEvent(), title: `Is it ${decision}?`, shown }
    await desk.emit(lease, 2, [asked])
    await goTo('/m/inbox')
    await page.locator('.row', { hasText: `Is it ${decision}?` }).tap()
    await page.getByText(`/${decision} #`).first().waitFor()
    const bytes = new TextEncoder().encode(shown).length
    await page.getByText(`exactly ${bytes} bytes`).waitFor()
    assert.deepEqual((await page.locator('mark').allTextContents()).slice(0, 2), ['⟨U+202E⟩', '⟨U+200B⟩'])
    await tap(`${button}…`)
    await tap(`Yes, ${button.toLowerCase()}`)
    const told = await desk.next('GATE_DECIDED', ({ gate }) => gate === asked.gate)
    const { digest } = await test.json<Gate>('GET', `/gates/${asked.gate}`)
    assert.deepEqual([told.decision, told.digest, told.nonce], [decision, digest, asked.nonce])
    await desk.emit(lease, 3, [{ type: 'gate-decided', at: Date.now(), gate: asked.gate, decision }])
    await page.getByText(/Desk has it since \S/).waitFor()
    await page.reload()
    await page.getByText(new RegExp(`${word} by .*Desk has it since .*\\d`)).waitFor()
    await page
      .getByText(exactText(`Is it ${decision}?`))
      .first()
      .waitFor()
  }
})

const bar = (page: Page) => page.getByRole('button', { name: /^Runs on:/ })

test('below an output stands where it ran; pressed, why; “Run on…” takes the next runs to another device, also after a reload', async t => {
  await joined(t, 'studio')
  const c = await open(t, `# A\n\n${code('print("he" "re")')}`)
  const { page, has, again, cell } = c
  const first = await eventually('both are there', async () => {
    const all = await devices(page)
    const own = all.find(({ name }) => name !== 'studio')
    return all.some(({ name, status }) => name === 'studio' && status === 'online') && own?.name
  })
  await pick(page, /^Runs on:/, new RegExp(`^${first}`))
  await run(c, 'print')
  await has('it ran', now => now.includes('\nhere\n'))
  const pill = cell('print').locator('.ran')
  await pill.filter({ hasText: `⚡ ${first} · ` }).waitFor()
  assert.match(await pill.innerText(), /\d (m?s|min)/, 'and how long it took')
  await again()
  await cell('print')
    .getByRole('button', { name: /Why there\?/ })
    .tap()
  await page.getByRole('dialog', { name: first }).locator('.points li', { hasText: first }).first().waitFor()
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^studio/ })
    .tap()
  await bar(page).filter({ hasText: 'studio' }).waitFor()
  await again()
  await bar(page).filter({ hasText: 'studio' }).waitFor()
  await run(c, 'print')
  // Its files come there first, and its first kernel starts.
  await pill.filter({ hasText: '⚡ studio · ' }).waitFor({ timeout: 60_000 })
  const client = await clientOf(hub())
  const { id } = await client.documentAt(`me/demo/${c.name}`)
  const { items } = (await (await page.request.get(`${hub().url}/api/v1/runs?document=${id}`)).json()) as {
    items: Run[]
  }
  assert.equal(items.filter(({ deviceName }) => deviceName === 'studio').length, 1)
  await again()
  await pill.filter({ hasText: '⚡ studio · ' }).waitFor()
})

test('“Fork runtime” begins a session of one’s own, after a reload too; back in the shared one the variables are there', async t => {
  const c = await open(
    t,
    `---\nsession: forked\n---\n# A\n\n${code('x = 5\nprint("x" " is set")')}\n${code('print("x=" + str(x))')}`,
  )
  const { page, has, again } = c
  await bar(page).filter({ hasText: 'No runtime' }).waitFor()
  await run(c, 'x = 5')
  await has('it ran', now => now.includes('\nx is set\n'))
  await eventually('the bar names the device', async () => !(await bar(page).innerText()).includes('No runtime'))
  await pick(page, /^Runs on:/, /^Fork runtime/)
  await again()
  await run(c, 'str(x)')
  await has('its session has no x', now => now.includes('NameError'))
  await again()
  await pick(page, /^Runs on:/, /^Back to the shared session/)
  await run(c, 'str(x)')
  await has('the shared one has', now => now.includes('\nx=5\n') && !now.includes('NameError'))
  await again()
  await output(c, 'x=5').waitFor()
})

test('what is said of the edits is true: on the hub, on their way, here alone', async t => {
  const held: { on: boolean; late: (() => void)[] } = { on: false, late: [] }
  const c = await open(t, `# A\n\n${code('x = 1')}`, context =>
    context.routeWebSocket(/\/sync\//, socket => {
      const server = socket.connectToServer()
      server.onMessage(message => {
        if (held.on) held.late.push(() => socket.send(message))
        else socket.send(message)
      })
    }),
  )
  const { page, has, text, cut, mend } = c
  const says = (words: string | RegExp) => page.locator('.sync').filter({ hasText: words }).waitFor({ timeout: 40_000 })
  await says('Synced ✓')
  held.on = true
  await edit(c, 'x = 1')
  await page.keyboard.type('\non_its_way = 2')
  await says(/Syncing… \(\d+\)/)
  held.on = false
  for (const send of held.late) send()
  await says('Synced ✓')
  await has('on the hub', now => now.includes('on_its_way'))
  await cut()
  await says('Offline')
  await page.keyboard.type('\nhere_alone = 3')
  await says('Offline, changes saved locally')
  await page.reload()
  await says('Offline, changes saved locally')
  assert.ok(!(await text()).includes('here_alone'))
  await mend()
  await says('Synced ✓')
  await has('it went to the hub', now => now.includes('here_alone = 3'))
})

test('where this browser could not store an edit it says “Not saved” until the hub has it', async t => {
  const c = await open(t, `# A\n\n${code('x = 1')}`, context =>
    context.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('not here', 'SecurityError')
      }
    }),
  )
  const { page, has, cut, mend } = c
  await edit(c, 'x = 1')
  await cut()
  await page.keyboard.type('\nonly_in_memory = 2')
  await page.locator('.sync').filter({ hasText: 'Not saved' }).waitFor()
  await mend()
  await page.locator('.sync').filter({ hasText: 'Synced ✓' }).waitFor({ timeout: 40_000 })
  await has('the hub has it', now => now.includes('only_in_memory = 2'))
})

test('a device is renamed and revoked from the phone, for good', async t => {
  await joined(t, 'spare')
  const { page } = await phone(t)
  await page.goto(`${hub().url}/m/devices`)
  const card = (name: string) => page.getByRole('article', { name, exact: true })
  await card('spare').getByText('Online').waitFor()
  await card('spare').getByText('python').first().waitFor()
  await card('spare').getByRole('button', { name: 'Rename' }).tap()
  await page.getByRole('dialog').getByLabel('Name').fill('Attic')
  await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).tap()
  await card('Attic').waitFor()
  await page.reload()
  await card('Attic').waitFor()
  assert.ok((await devices(page)).some(({ name }) => name === 'Attic'))
  await card('Attic').getByRole('button', { name: 'Revoke' }).tap()
  await page.getByRole('dialog', { name: 'Revoke Attic?' }).getByRole('button', { name: 'Revoke' }).tap()
  await eventually('it is gone', async () => (await card('Attic').count()) === 0)
  await page.reload()
  await page.getByRole('article').first().waitFor()
  assert.equal(await card('Attic').count(), 0)
  assert.ok(!(await devices(page)).some(({ name }) => name === 'Attic'))
})

test('cells are made, moved, deleted and brought back on the phone, and stand so in the file', async t => {
  const c = await open(t, `# A\n\n${code('first = 1')}\n${code('second = 2')}`)
  const { page, has, again } = c
  await pick(page, 'Add a cell or text', 'Code')
  await page.getByRole('textbox', { name: 'Code' }).waitFor()
  await page.keyboard.type('third = 3')
  await has('a new cell', now => now.trimEnd().endsWith('```python\nthird = 3\n```'))
  await page.getByRole('button', { name: 'Done' }).tap()
  await again()
  await edit(c, 'first = 1')
  await pick(page, 'More', 'Move down')
  await has('it was moved', now => /second = 2[\s\S]*first = 1[\s\S]*third = 3/.test(now))
  await again()
  await edit(c, 'second = 2')
  await pick(page, 'More', 'Delete')
  await has('it was deleted', now => !now.includes('second = 2') && now.includes('first = 1'))
  await pick(page, 'More', 'Undo')
  await has('it is there again', now => /second = 2[\s\S]*first = 1[\s\S]*third = 3/.test(now))
  await again()
  await eventually('all three', async () => (await page.locator('section.cell').count()) === 3)
})

test('a link and the text of a notebook go to the sheet of the system, and the link leads there', async t => {
  const shared: { title?: string; text?: string; url?: string }[] = []
  const c = await open(t, `# Shared\n\nSome words.\n\n${code('x = 1')}`, async context => {
    await context.exposeFunction('sharedHere', (what: { url?: string }) => void shared.push(what))
    await context.addInitScript(() => {
      const share = async (what: ShareData) =>
        (globalThis as { sharedHere?: (w: ShareData) => void }).sharedHere?.(what)
      Object.assign(navigator, { share, canShare: () => true })
      Object.defineProperty(navigator, 'share', { value: share, configurable: true })
      Object.defineProperty(navigator, 'canShare', { value: () => true, configurable: true })
    })
  })
  const { page, name, text } = c
  await pick(page, 'More', 'Share a link')
  await pick(page, 'More', 'Share the text')
  await eventually('both were shared', () => shared.length === 2)
  const title = name.replace('.md', '')
  assert.deepEqual(shared[0], { title, url: `${hub().url}/m/p/demo/${name}` })
  assert.deepEqual(shared[1], { title, text: await text() })
  await page.goto(shared[0]!.url!)
  await page.getByRole('heading', { name: 'Shared', exact: true }).waitFor()
})

test('the theme and the quiet hours are as they were set, after a reload and at the hub', async t => {
  const { page } = await phone(t)
  const settings = async () =>
    (await (await page.request.get(`${hub().url}/api/v1/push/settings`)).json()) as NotifySettings
  await page.goto(`${hub().url}/m/settings`)
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await ground()
  await page.getByLabel('Dark').tap()
  await page.getByLabel('Be quiet at night').tap()
  await page.getByLabel('From').fill('21:45')
  await page.getByLabel('To', { exact: true }).fill('06:15')
  await eventually('the hub has it', async () => {
    const { quiet } = await settings()
    return quiet?.from === '21:45' && quiet.to === '06:15'
  })
  await page.reload()
  await page.getByLabel('From').waitFor()
  assert.equal(await page.getByLabel('From').inputValue(), '21:45')
  assert.equal(await page.getByLabel('To', { exact: true }).inputValue(), '06:15')
  assert.equal(await page.getByLabel('Dark').isChecked(), true)
  assert.notEqual(await ground(), light)
  await page.getByLabel('Be quiet at night').tap()
  await eventually('quiet no more', async () => (await settings()).quiet === null)
  await page.reload()
  await page.getByLabel('Be quiet at night').waitFor()
  assert.equal(await page.getByLabel('From').count(), 0)
})
