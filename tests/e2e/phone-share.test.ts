/** Shared to the phone's app and from it, as the system would, by touch (PH61, PH64, PH65). */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { eventually } from '../mesh-process.ts'
import { linkOf, looksGood, openPhone, type Phone, webFolder } from './phone-scene.ts'

const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
).toString('base64')

interface Sent {
  title?: string
  text?: string
  url?: string
  files?: { name: string; type: string; base64: string }[]
}

/** A form like the system's share sheet sends: a navigation by POST. */
async function shareTo(page: Page, sent: Sent): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await Promise.all([
    page.waitForURL(/\/m\/share\?/),
    page.evaluate(({ files = [], ...texts }: Sent) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', enctype: 'multipart/form-data' })
      form.action = '/m/share'
      for (const [name, value] of Object.entries(texts)) {
        const field = Object.assign(document.createElement('textarea'), { name })
        field.value = value as string
        form.append(field)
      }
      const input = Object.assign(document.createElement('input'), { type: 'file', name: 'files', multiple: true })
      const data = new DataTransfer()
      for (const { name, type, base64 } of files) {
        const bytes = Uint8Array.from(atob(base64), char => char.charCodeAt(0))
        data.items.add(new File([bytes], name, { type }))
      }
      input.files = data.files
      form.append(input)
      document.body.append(form)
      form.submit()
    }, sent),
  ])
}

interface Listed {
  id: string
  path: string
}

async function documents({ json }: Phone): Promise<Listed[]> {
  const { items } = await json<{ items: { id: string; name: string }[] }>('GET', '/projects')
  const project = items.find(({ name }) => name === 'demo')!.id
  return (await json<{ items: Listed[] }>('GET', `/documents?project=${project}`)).items
}

async function textAt(phone: Phone, path: string): Promise<string | undefined> {
  const found = (await documents(phone)).find(document => document.path === path)
  if (!found) return undefined
  return (await phone.page.request.get(`${phone.url}/api/v1/documents/${found.id}/content`)).text()
}

async function start(t: TestContext): Promise<Phone> {
  const hub = await startTestHub(t, { webFolder })
  const phone = await openPhone(t, await linkOf(hub))
  await phone.open('/m/')
  await phone.page.getByRole('heading', { name: 'Projects' }).waitFor()
  await phone.page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  return phone
}

test('PH61 text, a link and a picture become a new note, with the picture at the hub', async t => {
  const phone = await start(t)
  const { page, tap, faults } = phone
  const files = [{ name: 'plot.png', type: 'image/png', base64: pixel }]
  await shareTo(page, { title: 'A find', text: 'Look at this.', url: 'https://example.org/a?b=1', files })
  await page.getByText('Look at this.').waitFor()
  await page.getByAltText('plot.png').waitFor()
  assert.equal(await page.getByLabel('Name').inputValue(), 'A find')
  await looksGood(page, 'share new note')
  await tap('Make the note')
  await page.waitForURL(/\/m\/p\/demo\/A%20find\.md$/)
  await page.getByText('Look at this.').waitFor()
  const text = (await textAt(phone, 'A find.md'))!
  assert.match(text, /^\[A find\]\(https:\/\/example\.org\/a\?b=1\)\n\nLook at this\.\n\n!\[plot\.png\]\(asset:sha256-/)
  const asset = /asset:(sha256-[0-9a-f]{64})/.exec(text)![1]!
  const answer = await page.request.get(`${phone.url}/api/v1/assets/${asset}`)
  assert.equal((await answer.body()).toString('base64'), pixel)
  await page.reload()
  await page.waitForFunction(() => [...document.images].some(image => image.naturalWidth === 1))
  await page.goto(`${phone.url}/m/share`)
  await page.getByText('Nothing waits here').waitFor()
  assert.deepEqual(faults, [])
})

test('PH61 PH64 offline it is put at the end of a notebook that is here at once, and a new note waits; the hub gets each once', async t => {
  const phone = await start(t)
  const { page, context, tap } = phone
  const { items } = await phone.json<{ items: { id: string; name: string }[] }>('GET', '/projects')
  const project = items.find(({ name }) => name === 'demo')!.id
  await phone.json('POST', '/documents', { project, path: 'diary.md', content: '# Diary\n' })
  await phone.open('/m/p/demo/diary.md')
  await page.getByRole('heading', { name: 'Diary' }).last().waitFor()
  await page.getByText('Synced').first().waitFor()
  await context.setOffline(true)
  await shareTo(page, { text: 'Seen on the way.', files: [{ name: 'a.png', type: 'image/png', base64: pixel }] })
  await page.getByText('Add to a notebook').tap()
  await page.getByLabel('Which one').fill('diary')
  await page.getByRole('button', { name: /diary/ }).tap()
  await page.getByText(/It stands in “diary”; its file is sent when the hub answers/).waitFor()
  await looksGood(page, 'share waits')
  await page.goto(`${phone.url}/m/p/demo/diary.md`)
  await page.getByText('Seen on the way.').waitFor()
  await page.waitForFunction(() => [...document.images].some(image => image.naturalWidth === 1))
  await shareTo(page, { title: 'Made offline', text: 'First line.' })
  await page.getByText(/kept on this phone and made when the hub answers/).waitFor()
  await tap('Make the note')
  await page.getByText('The note “Made offline” is made when the hub answers.').waitFor()
  // The app is ended and started again before there is a network.
  await page.goto('about:blank')
  await context.setOffline(false)
  await page.goto(`${phone.url}/m/`)
  await eventually('the note is made', async () => (await textAt(phone, 'Made offline.md'))?.includes('First line.'))
  await eventually('the edit is there', async () => (await textAt(phone, 'diary.md'))?.includes('Seen on the way.'))
  await page.reload()
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.goto(`${phone.url}/m/share`)
  await page.getByText('Nothing waits here').waitFor()
  const diary = (await textAt(phone, 'diary.md'))!
  assert.equal(diary.split('Seen on the way.').length, 2, diary)
  assert.equal((await documents(phone)).filter(({ path }) => path.startsWith('Made offline')).length, 1)
  const asset = /asset:(sha256-[0-9a-f]{64})/.exec(diary)![1]!
  await eventually('the picture', async () => (await page.request.get(`${phone.url}/api/v1/assets/${asset}`)).ok())
})

test('PH65 what is too much is refused with words, and a form of a page places nothing by itself', async t => {
  const phone = await start(t)
  const { page } = phone
  const before = (await documents(phone)).length
  await shareTo(page, { text: 'x'.repeat(500_001) })
  await page.getByRole('alert').getByText('Too long').waitFor()
  await looksGood(page, 'share too long')
  const files = Array.from({ length: 21 }, (_, n) => ({ name: `${n}.png`, type: 'image/png', base64: pixel }))
  await shareTo(page, { files })
  await page.getByText('Too many files at once').waitFor()
  await shareTo(page, { text: '' })
  await page.getByText('Nothing was shared').waitFor()
  for (let n = 0; n < 10; n++) await shareTo(page, { text: `Number ${n}.` })
  await page.getByText('Number 9.').waitFor()
  await page.goto(`${phone.url}/m/share`)
  await page.getByText('Number 9.').waitFor()
  assert.equal(await page.locator('.shared-waiting').count(), 8)
  assert.equal(await page.getByText('Number 1.').count(), 0, 'the oldest went')
  assert.equal((await documents(phone)).length, before)
  await page.locator('.shared-waiting').first().getByRole('button', { name: 'Discard' }).tap()
  await page.waitForFunction(() => document.querySelectorAll('.shared-waiting').length === 7)
  await page.reload()
  await page.getByText('Number 9.').waitFor()
  assert.equal(await page.locator('.shared-waiting').count(), 7)
})

test('PH61 a link to a project goes to the system’s sheet, or is copied where there is none', async t => {
  const phone = await start(t)
  const { page, context, tap } = phone
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await phone.open('/m/p/demo')
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'share', { value: undefined, configurable: true })
  })
  await tap('Share a link to this project')
  await page.getByText('The link is in the clipboard.').waitFor()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${phone.url}/m/p/demo`)
  await page.evaluate(() => {
    const share = async (what: unknown) => void Object.assign(globalThis, { shared: what })
    Object.defineProperty(navigator, 'share', { value: share, configurable: true })
    Object.defineProperty(navigator, 'canShare', { value: () => true, configurable: true })
  })
  await tap('Share a link to this project')
  await page.waitForFunction(() => 'shared' in globalThis)
  const shared = await page.evaluate(() => (globalThis as unknown as { shared: unknown }).shared)
  assert.deepEqual(shared, { title: 'demo', url: `${phone.url}/m/p/demo` })
})
