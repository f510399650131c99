/** Random schedules of a phone in real Chromium with a hub that is killed (packages/web/src/phone/SPEC.md). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBrowser, signInByCode } from '../browser.ts'
import { BrowserPhone } from '../phone-queue/browser-phone.ts'
import { BrowserSchedule, type BrowserSum } from '../phone-queue/browser-schedule.ts'
import { BrowserWorld } from '../phone-queue/browser-world.ts'
import { chanceOf } from '../soak/random.ts'

const seeds = Array.from({ length: 10 }, (_, at) => at + 1)

test('PH21 PH22 PH23 PH24 schedules of a phone in a browser: what is still wanted runs once where it was to, what was taken back never', async t => {
  const world = await BrowserWorld.start(t)
  const { page, context } = await openBrowser(t, { width: 390, height: 844, touch: true })
  await signInByCode(page, world)
  await page.goto(`${world.url}/m/`)
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  const phone = await BrowserPhone.open(context, page, `${world.url}/m/p/demo/note.md`)
  const all: BrowserSum[] = []
  for (const seed of seeds) all.push(await new BrowserSchedule(world, phone, chanceOf(seed)).run(`seed ${seed}`))
  const sum = (name: keyof BrowserSum) => all.reduce((total, each) => total + each[name], 0)
  const names = ['actions', 'queued', 'executed', 'takenBack', 'answered', 'kills'] as const
  t.diagnostic(names.map(name => `${sum(name)} ${name}`).join(', '))
  assert.equal(all.length, seeds.length)
  assert.ok(sum('executed') > 0 && sum('takenBack') > 0 && sum('kills') > 0)
})
