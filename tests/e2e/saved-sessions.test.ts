/** What a person sees of saved sessions and does about them, in a real browser (packages/web/src/moves/SPEC.md). */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { openBrowser, openDocument, signInByCode } from '../browser.ts'
import { eventually, startMesh, temporaryFolder } from '../mesh-process.ts'
import { assertGoodPage, shot } from '../page-checks.ts'
import { inEachLook, lookAt, looks } from './fleet-scene.ts'
import { looksGood } from './phone-scene.ts'
import { type Answers, answer, asOfRun, type SavedScene, savedScene, savedUpTo, snapshotOf } from './saved-scene.ts'

async function open(t: TestContext, s: SavedScene, path: string, first: Partial<Answers>) {
  const isPhone = path.startsWith('/m/')
  const opened = await openBrowser(t, isPhone ? { width: 390, height: 844, touch: true } : looks[0])
  await signInByCode(opened.page, { url: s.hub.url, link: await s.hub.signInLink() })
  const scripted = await answer(opened.page, s, first)
  await opened.page.goto(`${s.hub.url}${path}`)
  return { ...opened, ...scripted }
}

const restoredFrom = (s: SavedScene, at: number) => ({
  snapshot: 'snp_01k0000000000000000000000a' as never,
  asOf: asOfRun(s, at),
  behind: 2 - at,
  lost: [{ name: 'con', reason: 'an open database connection' }],
  from: s.laptop.id,
  at: s.runs[2]!.endedAt! + 5_000,
})

const chip = (page: Page) => page.locator('.saved-chip')
const shownPopover = (page: Page) => page.locator('.popover:popover-open')

test('SW1 SW2 a notebook says as of when its session is saved, and which cells are not in it yet: light, and dark at 390 px', async t => {
  const s = await savedScene(t)
  const { page, faults, say } = await open(t, s, '/p/demo/train.md', { said: { saved: savedUpTo(s, 1) } })
  const state = shownPopover(page)
  await inEachLook(page, async look => {
    if (look === looks[0])
      await chip(page)
        .getByText(/As of \d\d:\d\d · 1 cell behind/)
        .click()
    else await page.locator('.topbar .where').click()
    await state.getByText('Live on Studio GPU', { exact: true }).waitFor()
    await state.getByText(/State as of \d\d:\d\d, 1 cell behind/).waitFor()
    await state.getByText('whole process, 1.2 GB').waitFor()
    await state.getByText('model.score(df)').waitFor()
    await assertGoodPage(page)
    await shot(page, `saved-chip-${look.name}`)
    await page.keyboard.press('Escape')
  })
  const none = { snapshot: null, asOf: null, kind: null, bytes: 0, behind: 3 }
  await say({ saved: savedUpTo(s, 1, { ...none, state: 'none' }) })
  await chip(page).getByText('Not yet movable').click()
  await state.getByText('It is saved by itself after each run.').waitFor()
  await page.keyboard.press('Escape')
  await say({ saved: savedUpTo(s, 1, { ...none, state: 'failed', detail: 'the disk is full' }) })
  await chip(page).getByText('Saving failed').click()
  await state.getByText(/the disk is full.*sessions doctor/).waitFor()
  await assertGoodPage(page)
  await shot(page, 'saved-chip-failed')
  assert.deepEqual(faults, [])
})

test('SW3 SW4 a restore shows phase and bytes, then what is missing, and runs the missing cells when asked: light, and dark at 390 px', async t => {
  const s = await savedScene(t)
  const moving = { to: s.laptop.id, phase: 'fetch', done: 420_000_000, total: 1_171_000_000 } as const
  const { page, faults, say } = await open(t, s, '/p/demo/train.md', { said: { saved: savedUpTo(s, 0), moving } })
  const notice = page.locator('.session-notice')
  await inEachLook(page, async look => {
    await notice.getByText('Fetching its state: 420 MB of 1.2 GB').waitFor()
    await page.locator('.topbar .where').getByText('Restoring session…').waitFor()
    assert.equal(await notice.locator('[aria-live=polite]').textContent(), 'Fetching its state…')
    await assertGoodPage(page)
    await shot(page, `restoring-${look.name}`)
  })
  await say({ saved: savedUpTo(s, 0), restored: restoredFrom(s, 0) })
  await inEachLook(page, async look => {
    await notice.getByText(/State as of \d\d:\d\d, 2 cells behind; 1 thing was not carried over/).waitFor()
    await notice.getByRole('button', { name: 'Details' }).click()
    await shownPopover(page).getByText('an open database connection').waitFor()
    await assertGoodPage(page)
    await shot(page, `restored-${look.name}`)
    await page.keyboard.press('Escape')
  })
  await lookAt(page, looks[1]!)
  await notice.getByRole('button', { name: 'Run the 2 missing cells' }).click()
  const dialog = page.getByRole('dialog', { name: 'Run the 2 missing cells?' })
  await dialog.getByText('may happen twice').waitFor()
  assert.deepEqual(await dialog.locator('li').allTextContents(), ['model = fit(df, rounds=40)', 'model.score(df)'])
  await inEachLook(page, async look => {
    await assertGoodPage(page)
    await shot(page, `run-missing-${look.name}`)
  })
  await dialog.getByRole('button', { name: 'Run', exact: true }).click()
  const first = (await s.studio.next('LEASE')).lease
  assert.equal((await s.json<{ againOf: string }>('GET', `/runs/${first.run}`)).againOf, 'r1')
  assert.deepEqual(faults, [])
})

test('SW7 SW8 SW9 the list of sessions moves, saves, and shows the saved states; one that was refused cannot be restored: light, and dark at 390 px', async t => {
  const s = await savedScene(t)
  const snapshots = [
    snapshotOf(s),
    snapshotOf(s, { id: 'snp_01k0000000000000000000000b', name: 'before the split', kind: 'portable', lost: [] }),
    snapshotOf(s, { id: 'snp_01k0000000000000000000000c', asOf: asOfRun(s, 0), refused: 'it is damaged' }),
  ]
  const said = { saved: savedUpTo(s, 1) }
  const { page, answers, faults } = await open(t, s, '/sessions', { said, snapshots })
  const goodInLooks = (name: string) =>
    inEachLook(page, async look => {
      await assertGoodPage(page)
      await shot(page, `${name}-${look.name}`)
    })
  const row = page.locator('.session-row')
  await inEachLook(page, () => row.getByText(/saved as of \d\d:\d\d, 1 cell behind · 1.2 GB/).waitFor())
  await goodInLooks('sessions-saved')
  const menu = async (name: string) => {
    await row.getByRole('button', { name: /^More for/ }).click()
    await page.getByRole('button', { name, exact: true }).click()
  }
  await menu('Move to…')
  const dialog = page.locator('dialog[open]')
  await dialog.getByText('MacBook Pro').click()
  await goodInLooks('move-to')
  await dialog.getByRole('button', { name: 'Move it' }).click()
  await page.getByText('python is on MacBook Pro').waitFor()
  assert.deepEqual(answers.asked.splice(0), [`POST /sessions/${s.session}/migrate {"to":"${s.laptop.id}"}`])

  await lookAt(page, looks[1]!)
  await menu('Saved states…')
  await dialog.getByText('before the split').first().waitFor()
  await dialog.getByText('df (1.0 GB), model (98 MB), pd and 12 more; 2 processes; 5 threads').first().waitFor()
  assert.equal(
    await dialog
      .getByRole('button', { name: /^Restore / })
      .nth(4)
      .isDisabled(),
    true,
  )
  await goodInLooks('saved-states')
  await dialog.getByRole('button', { name: 'Restore before the split', exact: true }).click()
  await dialog.getByText('is kept as a saved state').waitFor()
  await dialog.getByRole('button', { name: 'Restore', exact: true }).click()
  await eventually('it was asked for', () => answers.asked.some(one => one.startsWith('POST /snapshots/')))

  await menu('When its device is lost…')
  await dialog.getByText('Goes elsewhere').click()
  await dialog.getByLabel('Seconds of silence before that').fill('15')
  await dialog.getByText('Go on elsewhere').click()
  await goodInLooks('policy')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('It is set').first().waitFor()
  const set = `PATCH /sessions/${s.session} {"failover":{"elsewhereAfterMs":15000},"onLoss":"resume"}`
  assert.equal(answers.asked.at(-1), set)
  assert.deepEqual(faults, [])
})

test('SW7 a move that fails says why and what to do; nothing is saved yet is a list that teaches', async t => {
  const s = await savedScene(t)
  const move = { state: 'failed', code: 'RESTORE_FAILED', detail: 'MacBook Pro has no python 3.13' }
  const { page } = await open(t, s, '/sessions', { said: { saved: savedUpTo(s, 2) }, move })
  const row = page.locator('.session-row')
  await row.getByText(/saved as of/).waitFor()
  await page.keyboard.press('Control+k')
  await page.keyboard.type('move python')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Move it' }).click()
  await page.getByText('python was not moved').waitFor()
  await page.getByText('MacBook Pro has no python 3.13. What was there before is as it was.').waitFor()
  await row.getByRole('button', { name: /^More for/ }).click()
  await page.getByRole('button', { name: 'Saved states…' }).click()
  await page.getByText('Nothing is saved of this session yet.').waitFor()
  await assertGoodPage(page)
  await shot(page, 'saved-states-none')
})

test('SW10 a fork opens in the notebook whose session it is, for this browser', async t => {
  const s = await savedScene(t)
  const { page, answers } = await open(t, s, '/sessions', { said: { saved: savedUpTo(s, 2) }, move: { kind: 'fork' } })
  await page
    .locator('.session-row')
    .getByText(/saved as of/)
    .waitFor()
  await page.getByRole('button', { name: /^More for/ }).click()
  await page.getByRole('button', { name: 'Fork…' }).click()
  await page.getByLabel(/Name of the copy/).fill('sandbox')
  await shot(page, 'fork')
  await page.getByRole('button', { name: 'Fork', exact: true }).click()
  await page.waitForURL(/\/p\/demo\/train/)
  assert.deepEqual(answers.asked, [`POST /sessions/${s.session}/fork {"name":"sandbox"}`])
  await page.locator('.topbar .where').click()
  await shownPopover(page).getByRole('button', { name: 'Back to the shared session' }).waitFor()
})

test('SW11 choosing another device says whether the variables come along', async t => {
  const s = await savedScene(t)
  const { page } = await open(t, s, '/p/demo/train.md', { said: { saved: savedUpTo(s, 1) } })
  await page.locator('.topbar .where').click()
  await shownPopover(page)
    .getByRole('button', { name: /MacBook Pro.*with its variables/ })
    .click()
  await page.locator('.topbar .where').click()
  await shownPopover(page).getByText('goes on on MacBook Pro, with the variables as they were saved').waitFor()
  await shot(page, 'run-on-along')
})

test('SW5 a run that waits for a silent device counts the seconds and can go elsewhere or be cancelled', async t => {
  const s = await savedScene(t)
  const reasons = { waits: ['The session is live on Studio GPU.', 'Waiting for Studio GPU (12 s).'] }
  const { page, answers } = await open(t, s, '/p/demo/train.md', { said: { saved: savedUpTo(s, 1) }, reasons })
  await page.locator('.cell').first().waitFor()
  await page.locator('.topbar .where').click()
  await shownPopover(page)
    .getByRole('button', { name: /^Studio GPU/ })
    .click()
  s.studio.send({ type: 'BYE', reason: 'sleep' })
  await page.locator('.cell').nth(2).getByRole('button', { name: 'Run the cell' }).click()
  const run = await eventually('the run is known', async () => {
    const { items } = await s.json<{ items: { id: string; status: string }[] }>('GET', '/runs')
    return items.find(({ status }) => status === 'queued')?.id
  })
  answers.reasons[run] = reasons.waits
  await page.reload()
  const notice = page.locator('.cell .notice.wait')
  await notice.getByText(/Waiting for Studio GPU \((?:1[2-9]|[2-5]\d) s\)/).waitFor()
  await notice.getByText(/Elsewhere it goes on with the state as of \d\d:\d\d, 1 cell behind/).waitFor()
  await assertGoodPage(page)
  await shot(page, 'waiting-for')
  await notice.getByText(/\(1[4-9] s\)/).waitFor()
  await notice.getByRole('button', { name: 'Run elsewhere now' }).click()
  await eventually('it was asked for', () => answers.asked.includes(`POST /runs/${run}/elsewhere {}`))
  await notice.getByRole('button', { name: 'Cancel' }).click()
  await eventually(
    'it is cancelled',
    async () => (await s.json<{ status: string }>('GET', `/runs/${run}`)).status === 'cancelled',
  )
})

test('SW1 SW3 SW7 the phone says the same by touch: the bar, the strip, the sheet, saved states and settings', async t => {
  const s = await savedScene(t)
  const snapshots = [snapshotOf(s), snapshotOf(s, { id: 'snp_01k0000000000000000000000b', name: 'before the split' })]
  const said = { saved: savedUpTo(s, 1), restored: restoredFrom(s, 0) }
  const { page, faults, say } = await open(t, s, '/m/p/demo/train.md', { said, snapshots })
  const strip = page.locator('.session-strip')
  await strip.getByText(/Restored on Studio GPU, as of \d\d:\d\d, 2 cells behind; 1 not carried over/).waitFor()
  await looksGood(page, 'phone restored')
  await strip.getByRole('button', { name: 'Close this notice' }).tap()
  await strip.waitFor({ state: 'detached' })
  await page
    .locator('.notebook-bar')
    .getByText(/as of \d\d:\d\d, 1 cell behind/)
    .waitFor()
  await page.locator('.notebook-bar .where').tap()
  const sheet = page.locator('dialog.sheet[open]')
  await sheet.getByText('Live on Studio GPU').waitFor()
  await sheet.getByText('an open database connection').waitFor()
  await looksGood(page, 'phone session sheet')
  await sheet.getByRole('button', { name: 'Saved states' }).tap()
  const dialog = page.locator('dialog.dialog[open]')
  await dialog.getByText('before the split').waitFor()
  await looksGood(page, 'phone saved states')
  await dialog.getByRole('button', { name: 'Close' }).tap()
  await page.locator('.notebook-bar .where').tap()
  await sheet.getByRole('button', { name: 'When it is lost…' }).tap()
  await dialog.getByText('Goes elsewhere').tap()
  await looksGood(page, 'phone policy')
  await dialog.getByRole('button', { name: 'Cancel' }).tap()
  const moving = { to: s.laptop.id, phase: 'fetch', done: 420_000_000, total: 1_171_000_000 } as const
  await say({ ...said, moving })
  await strip.getByText('Fetching its state: 420 MB of 1.2 GB').waitFor()
  await looksGood(page, 'phone restoring')
  assert.deepEqual(faults, [])
})

test('SW1 SW7 SW8 with a real hub and kernel: a run is saved by itself, kept under a name, and brought back', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data, ['--port', '0'], { MESHBOOK_SNAPSHOT: 'portable' })
  const cells = ['x = 6\nprint("set", x)', 'print("now", x)\nx += 1'].map(code => `\`\`\`python\n${code}\n\`\`\`\n`)
  await writeFile(join(data, 'projects/demo/r.md'), cells.join('\n'))
  const { page, faults } = await openBrowser(t)
  await signInByCode(page, mesh)
  await openDocument(page, mesh, 'r.md')
  const cell = (at: number) => page.locator('.cell').nth(at)
  const runs = async (at: number, text: string) => {
    await cell(at).getByRole('button', { name: 'Run the cell' }).click()
    await cell(at).getByText(text, { exact: true }).waitFor()
  }
  await runs(0, 'set 6')
  await chip(page)
    .getByText(/^As of \d\d:\d\d$/)
    .click()
  await shownPopover(page).getByRole('button', { name: 'Save as…' }).click()
  await page.getByLabel('Name').fill('before')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Saved as before').waitFor()
  await runs(1, 'now 6')
  await runs(1, 'now 7')
  await chip(page).click()
  await shownPopover(page).getByRole('button', { name: 'Saved states' }).click()
  const dialog = page.locator('dialog[open]')
  await dialog.getByText(/\bx\b/).first().waitFor()
  await dialog.getByRole('button', { name: 'Restore before', exact: true }).click()
  await dialog.getByRole('button', { name: 'Restore', exact: true }).click()
  await page.getByText('Restored', { exact: true }).first().waitFor()
  await runs(1, 'now 6')
  assert.deepEqual(faults, [])
})
