/** Search on the phone, by touch: what is here is found at once, offline too, and opens at its place (PH63). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { eventually } from '../mesh-process.ts'
import { linkOf, looksGood, openPhone, type Phone, webFolder } from './phone-scene.ts'

async function projectWith(phone: Phone, notes: Record<string, string>): Promise<void> {
  const { items } = await phone.json<{ items: { id: string; name: string }[] }>('GET', '/projects')
  const project = items.find(({ name }) => name === 'demo')!.id
  for (const [path, content] of Object.entries(notes))
    await phone.json('POST', '/documents', { project, path, content })
}

const long = (last: string) =>
  `${Array.from({ length: 60 }, (_, n) => `## Part ${n}\n\nOrdinary words of part ${n}.`).join('\n\n')}\n\n## The end\n\n${last}\n`

test('PH63 words of a text are found as they are typed, also offline, and the notebook opens where they stand', async t => {
  const hub = await startTestHub(t, { webFolder })
  const phone = await openPhone(t, await linkOf(hub))
  const { page, context, open, tap, faults } = phone
  await projectWith(phone, { 'tides.md': long('The zephyr follows the moon.'), 'never-opened.md': 'A zephyr too.' })
  await open('/m/p/demo/tides.md')
  await page.getByText('Ordinary words of part 0.').waitFor()
  await page.getByText('Synced').first().waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await open('/m/')
  await page.getByText('on this phone').first().waitFor()
  await tap('Search', 'link')
  await page.getByText('Find what you wrote').waitFor()
  await looksGood(page, 'search empty')
  await context.setOffline(true)
  await page.getByRole('searchbox').fill('ZEPHYR moon')
  const row = page.getByRole('link', { name: /tides/ })
  await row.waitFor()
  assert.deepEqual(await row.locator('.match mark').allTextContents(), ['zephyr', 'moon'])
  assert.equal(await page.getByRole('link', { name: /never-opened/ }).count(), 0)
  await page.getByRole('searchbox').fill('never')
  await page.getByText('only its name is known here').waitFor()
  await page.getByRole('searchbox').fill('zephyr moon')
  await row.waitFor()
  await looksGood(page, 'search found')
  await row.tap()
  await page.locator('.found-here').waitFor()
  const place = page.getByText('The zephyr follows the moon.')
  await place.waitFor()
  await eventually('it is on the screen', async () => {
    const box = await place.boundingBox()
    return box !== null && box.y > 0 && box.y < 844
  })
  await page.goBack()
  await row.waitFor()
  assert.equal(await page.getByRole('searchbox').inputValue(), 'zephyr moon')
  await context.setOffline(false)
  await page.goto(`${phone.url}/m/search`)
  await page.getByRole('heading', { name: 'Recent searches' }).waitFor()
  await tap('zephyr moon')
  await row.waitFor()
  await page.getByRole('searchbox').fill('nothing-has-this')
  await page.getByText('Nothing has “nothing-has-this”').waitFor()
  await page.getByRole('searchbox').fill('demo')
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  assert.deepEqual(
    faults.filter(fault => !/ERR_INTERNET_DISCONNECTED|ERR_NETWORK/.test(fault)),
    [],
  )
})

/** Whether the app has stored what it lists. */
async function keptLists(): Promise<boolean> {
  if (!(await indexedDB.databases()).some(({ name }) => name === 'meshbook-phone')) return false
  const request = indexedDB.open('meshbook-phone')
  const db = await new Promise<IDBDatabase>(resolve => {
    request.onsuccess = () => resolve(request.result)
  })
  const get = db.transaction('kept').objectStore('kept').get('lists')
  return await new Promise<boolean>(resolve => {
    get.onsuccess = () => {
      db.close()
      resolve(get.result?.projects.length > 0)
    }
  })
}

/** As many texts, under names that the list has: what is kept is what is read. */
async function plant(count: number): Promise<void> {
  const line = 'Ordinary words about this and that, and some more of them.\n'
  const text = `${line.repeat(340)}The zephyr stands at the end.\n`
  const request = indexedDB.open('meshbook-phone')
  const db = await new Promise<IDBDatabase>(resolve => {
    request.onsuccess = () => resolve(request.result)
  })
  const get = db.transaction('kept').objectStore('kept').get('lists')
  const lists = await new Promise<{ projects: { id: string }[]; documents: object[] }>(resolve => {
    get.onsuccess = () => resolve(get.result)
  })
  const [project] = lists.projects
  const documents = Array.from({ length: count }, (_, n) => ({
    ...lists.documents[0],
    id: `doc_many${n}`,
    project: project!.id,
    path: `many/${n}.md`,
    updatedAt: n,
  }))
  const write = db.transaction('kept', 'readwrite')
  write.objectStore('kept').put({ ...lists, documents }, 'lists')
  for (const { id } of documents) write.objectStore('kept').put({ text, entries: {} }, `text:${id}`)
  await new Promise<void>(resolve => {
    write.oncomplete = () => resolve()
  })
  db.close()
}

test('PH63 typing is not held up by 200 notebooks of 20 KB', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { page, open } = await openPhone(t, await linkOf(hub))
  await open('/m/search')
  await page.getByText('Find what you wrote').waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await eventually('the first list is kept', () => page.evaluate(keptLists))
  // Where the app does not run, nothing else writes what it keeps.
  await open('/signin')
  await page.evaluate(plant, 200)
  await page.route('**/api/v1/**', route => route.abort())
  await open('/m/search')
  const field = page.getByRole('searchbox')
  await field.waitFor()
  await page.evaluate(() => {
    const long: number[] = []
    Object.assign(globalThis, { long })
    new PerformanceObserver(list => long.push(...list.getEntries().map(({ duration }) => duration))).observe({
      entryTypes: ['longtask'],
    })
  })
  await field.pressSequentially('zephyr', { delay: 30 })
  await page.locator('.match mark').first().waitFor()
  const longest = await page.evaluate(() => Math.max(0, ...(globalThis as unknown as { long: number[] }).long))
  t.diagnostic(`longest task ${Math.round(longest)} ms`)
  assert.ok(longest < 500, `${longest} ms`)
  await page.waitForFunction(() => document.querySelectorAll('.match mark').length === 50)
})
