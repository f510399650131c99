/** Published pages in a real browser: read without scripts, apart from the app, and published from the page and by command. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { deflateSync } from 'node:zlib'
import AxeBuilder from '@axe-core/playwright'
import type { Publication } from '@meshbook/core/publish-api.ts'
import { hostilePieces } from '@meshbook/hub/testing/hostile-pieces.ts'
import { openDocument } from '@meshbook/hub/testing/open-document.ts'
import { rawRequest } from '@meshbook/hub/testing/raw-request.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { BrowserContext, Page } from 'playwright-core'
import * as Y from 'yjs'
import { openBrowser, signIn, signInByCode } from '../browser.ts'
import { command, eventually } from '../mesh-process.ts'
import { assertGoodPage, shot } from '../page-checks.ts'

const webFolder = fileURLToPath(new URL('../../packages/web/dist', import.meta.url))

/** A PNG of one colour. */
function picture(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const framed = Buffer.alloc(body.length + 8)
    framed.writeUInt32BE(data.length)
    body.copy(framed, 4)
    framed.writeUInt32BE(crc(body), body.length + 4)
    return framed
  }
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0])
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, 0x66)])
  const rows = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)))
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))])
}

function crc(bytes: Buffer): number {
  let value = 0xffffffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0)
  }
  return (value ^ 0xffffffff) >>> 0
}

const png = picture(320, 160)
const asset = `sha256-${createHash('sha256').update(png).digest('hex')}`

const report = `---
title: Rain in Bergen
description: What forty years of measurements say about the wettest city of Europe.
author: Ada Lovelace
date: 2026-05-03
---

The mean is $\\bar{x} = \\frac{1}{n}\\sum_i x_i$, and it rains on **231 days** a year.

## Load

\`\`\`python
import pandas as pd

frame = pd.read_csv("bergen.csv", parse_dates=["day"])  # one row a day
print(f"{len(frame):,} days")
frame.describe()
\`\`\`

\`\`\`output:run-1
14,610 days
\u001b[32m✓\u001b[0m no gaps
       rain
mean   6.2
\`\`\`

## Look

\`\`\`python
frame.groupby(frame.day.dt.year).rain.sum().plot()
\`\`\`

\`\`\`output:run-2
\`\`\`

![Rain by year](asset:${asset})

### By month

| Month | Rain |
|:------|-----:|
| May   |  106 mm |
| December | 289 mm |

${'It rained. '.repeat(400)}

## Conclusion

\`\`\`python
frame["snow"]
\`\`\`

\`\`\`output:run-3
Traceback (most recent call last):
  File "<cell>", line 1, in <module>
KeyError: 'snow'
\`\`\`

Bring an umbrella.
`

/** Every piece in its own paragraph; each tries to set a mark on the page, or to ask an address that is not the hub's. */
const hostile = hostilePieces
  .filter(piece => !piece.startsWith('---'))
  .map(piece => piece.replaceAll('steal()', 'globalThis.stolen=1').replaceAll('PICTURE', asset))
  .join('\n\n')

interface Scene extends TestHub {
  id: string
  at: (path: string) => string
  publish: (body: object, id?: string) => Promise<Publication>
}

async function scene(t: TestContext, text = report): Promise<Scene> {
  const test = await startTestHub(t, { webFolder })
  const headers = { authorization: `Bearer ${test.token}` }
  await rawRequest(`${test.hub.url}/api/v1/assets/${asset}`, { method: 'PUT', headers, body: png })
  const { id } = await test.document('bergen.md', text)
  const publish = (body: object, of: string = id) => test.json<Publication>('PUT', `/publications/${of}`, body)
  return Object.assign(test, { id, publish, at: (path: string) => `${test.hub.url}${path}` })
}

const reader = (t: TestContext, options: { width?: number; dark?: boolean; scripts?: boolean } = {}) =>
  openBrowser(t, { width: 1280, scripts: false, ...options })

test('PB1 PB2 a page is read whole without a script: text, code, formula, output, image, outline', async t => {
  const s = await scene(t)
  const { url } = await s.publish({ mode: 'continuous' })
  const { page } = await reader(t)
  await page.goto(url)
  assert.equal(await page.title(), 'Rain in Bergen')
  for (const text of ['Bring an umbrella.', '14,610 days', 'import pandas as pd', 'Ada Lovelace · 2026-05-03'])
    assert.ok(await page.getByText(text).first().isVisible(), text)
  assert.ok(await page.locator('math').first().isVisible())
  const image = page.getByAltText('Rain by year')
  await image.scrollIntoViewIfNeeded()
  await eventually('the image to be shown', async () => (await image.boundingBox())?.width === 320)
  const conclusion = page.getByRole('heading', { name: 'Conclusion' })
  await page.evaluate(() => scrollTo(0, 0))
  await page.getByRole('navigation', { name: 'Outline' }).getByRole('link', { name: 'Conclusion' }).click()
  await eventually('the heading to be in view', async () => ((await conclusion.boundingBox())?.y ?? 9e9) < 900)
  await page.getByText('KeyError').first().click()
  assert.ok(await page.getByText('Traceback (most recent call last)').isVisible())
})

test('PB1 a page has no fault that axe finds and is not too wide: 1280 and 390 px, light and dark', async t => {
  const s = await scene(t)
  const { url } = await s.publish({ mode: 'pinned' })
  for (const width of [1280, 390]) {
    const { page } = await reader(t, { width, scripts: true })
    await withPolicy(page, url, policy => policy.replace(/^sandbox[^;]*; /, ''))
    await page.goto(url)
    for (const details of await page.locator('details.error, details.outline').all())
      if (await details.isVisible()) await details.locator('summary').click()
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme })
      await assertGoodPage(page)
      if (process.env.MESHBOOK_SHOTS)
        await page.screenshot({ path: `${process.env.MESHBOOK_SHOTS}/published-${width}-${theme}.png`, fullPage: true })
    }
  }
})

/** The page with another policy in its header, for programs that must run in it: axe, and what plays the attacker. */
async function withPolicy(page: Page, url: string, change: (policy: string) => string): Promise<void> {
  await page.route(url, async route => {
    const response = await route.fetch()
    const policy = change(response.headers()['content-security-policy']!)
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } })
  })
}

/** What an attack would do, were it to run in the page. */
async function spy(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const tried = async (what: () => unknown): Promise<string> => {
      try {
        return String(await what())
      } catch (error) {
        return `refused: ${(error as Error).name}`
      }
    }
    return {
      origin: await tried(() => self.origin),
      cookie: await tried(() => document.cookie),
      storage: await tried(() => localStorage.getItem('canary')),
      databases: await tried(async () => JSON.stringify(await indexedDB.databases())),
      api: await tried(async () => (await fetch('/api/v1/me', { credentials: 'include' })).text()),
      elsewhere: await tried(async () => (await fetch('https://evil.example/')).status),
    }
  })
}

async function signedIn(t: TestContext, s: Scene): Promise<{ context: BrowserContext; page: Page }> {
  const { context, page } = await reader(t, { scripts: true })
  await signIn(page, { url: s.hub.url, link: await s.hub.signInLink() })
  await page.evaluate(() => localStorage.setItem('canary', 'secret'))
  return { context, page }
}

test('S10 PB16 a page in a browser that is signed in reads no cookie, no storage, no API, and asks nobody', async t => {
  const s = await scene(t, `${hostile}\n\n![x](asset:${asset})\n`)
  const doc = openDocument(t, s, 'bergen.md')
  await eventually('the document', async () => doc.getText('content').length > 0)
  const result = { parts: [{ at: 'inline', mimeType: 'text/html', data: hostile }] }
  doc.transact(() => {
    doc
      .getMap('executions')
      .set('run-9', new Y.Map<unknown>(Object.entries({ id: 'run-9', status: 'completed', result })))
    doc.getText('content').insert(0, '```python\nx\n```\n\n```output:run-9\n```\n\n')
  })
  await eventually('the output', async () =>
    (await (await s.api('GET', `/documents/${s.id}/content`)).text()).includes('run-9'),
  )
  const { url } = await s.publish({ mode: 'continuous' })
  const { context, page } = await signedIn(t, s)
  assert.equal(await page.evaluate(() => localStorage.getItem('canary')), 'secret')
  await page.goto('about:blank')
  const asked: string[] = []
  context.on('request', request => asked.push(request.url()))
  const answer = await page.goto(url)
  assert.equal(answer!.headers()['set-cookie'], undefined)
  await page.waitForTimeout(500)
  const own = new RegExp(`^(?:${s.hub.url}/@me/demo/|data:|about:)`)
  assert.deepEqual(
    asked.filter(address => !own.test(address)),
    [],
  )
  assert.ok(
    asked.some(address => address.includes(asset)),
    'the page was loaded with its image',
  )
  assert.equal(await page.evaluate(() => (globalThis as { stolen?: unknown }).stolen), undefined)
  const harmful =
    'script, iframe, object, embed, form, link, base, svg, [style], [onclick], [onerror], [onload], [srcset]'
  assert.equal(await page.locator(harmful).count(), 0)
  const handlers = await page.evaluate(() =>
    [...document.querySelectorAll('*')].flatMap(element =>
      element.getAttributeNames().filter(name => name.startsWith('on')),
    ),
  )
  assert.deepEqual(handlers, [])
  // Even if scripts could run there.
  await withPolicy(page, url, policy => policy.replace(/^sandbox/, 'sandbox allow-scripts'))
  await page.goto(url)
  const found = await spy(page)
  assert.equal(found.origin, 'null')
  for (const [what, got] of Object.entries(found))
    if (what !== 'origin') assert.match(got, /^refused: /, `${what}: ${got}`)
})

const program = `<canvas id="plot"></canvas><p id="said">nothing</p><script>
  document.getElementById('plot').getContext('2d').fillRect(0, 0, 9, 9)
  document.getElementById('said').textContent = 'drawn by ' + self.origin
  const evil = 'https://evil.example/'
  const told = {}
  const tried = (name, what) => { try { told[name] = String(what()) } catch (error) { told[name] = 'refused: ' + error.name } }
  tried('cookie', () => document.cookie)
  tried('storage', () => localStorage.getItem('canary'))
  tried('parent', () => parent.document.title)
  tried('top', () => { top.location = evil })
  new Image().src = evil + 'image'
  const reached = (name, what) => what.then(() => told[name] = 'reached', error => told[name] = 'refused: ' + error.name)
  const asked = [reached('fetch', fetch(evil)), reached('api', fetch('/api/v1/me', { credentials: 'include' }))]
  const form = Object.assign(document.createElement('form'), { action: evil, method: 'post' })
  document.body.append(form)
  tried('open', () => open(evil))
  Promise.all(asked).then(() => { form.submit(); document.title = JSON.stringify(told) })
  addEventListener('click', () => { location = evil + 'moved' })
</script>`

test('S10 PB20 an interactive output draws in a frame of its own, and reaches no cookie, no storage, no API and nobody', async t => {
  const s = await scene(t)
  const doc = openDocument(t, s, 'bergen.md')
  await eventually('the document', async () => doc.getText('content').length > 0)
  const displayData = [{ parts: [{ at: 'inline', mimeType: 'text/html', data: program }] }]
  doc.transact(() => {
    const entry = { id: 'run-9', status: 'completed', displayData }
    doc.getMap('executions').set('run-9', new Y.Map<unknown>(Object.entries(entry)))
    doc.getText('content').insert(doc.getText('content').length, '\n```python\nx\n```\n\n```output:run-9\n```\n')
  })
  await eventually('the output', async () =>
    (await (await s.api('GET', `/documents/${s.id}/content`)).text()).includes('run-9'),
  )
  const { url } = await s.publish({ mode: 'continuous' })
  const { context, page } = await signedIn(t, s)
  await page.goto(url)
  // Behind the policy: what comes here would have been sent.
  const asked: string[] = []
  await context.route('**', route => {
    asked.push(route.request().url())
    return route.request().url().startsWith(url) ? route.continue() : route.abort()
  })
  await page.getByRole('link', { name: 'Open the interactive figure' }).click()
  await page.waitForURL(`${url}?output=run-9.0`)
  const said = page.frameLocator('iframe').getByText('drawn by null')
  await said.waitFor()
  const frame = page.frames().find(one => one !== page.mainFrame())!
  const title = await eventually('all is tried', async () => (await frame.title()) || undefined)
  const told = JSON.parse(title) as Record<string, string>
  assert.deepEqual(Object.keys(told).sort(), ['api', 'cookie', 'fetch', 'open', 'parent', 'storage', 'top'])
  for (const [what, got] of Object.entries(told))
    assert.match(got, what === 'open' ? /^null$/ : /^refused: /, `${what}: ${got}`)
  await said.click()
  await eventually('it tried to go elsewhere, and is nowhere', () => frame.url().startsWith('chrome-error:'))
  assert.deepEqual(asked, [`${url}?output=run-9.0`])
  assert.equal(page.url(), `${url}?output=run-9.0`)
  // Without the policy it would have.
  await withPolicy(page, `${url}?output=run-9.0`, () => 'sandbox allow-scripts')
  await page.goto(`${url}?output=run-9.0`)
  await eventually('others to be asked', () => asked.includes('https://evil.example/image'))
  await page.getByRole('link', { name: 'bergen' }).click()
  await page.waitForURL(url)
})

test('S10 the spy can tell: in the app it reads what it should not', async t => {
  const s = await scene(t)
  const { page } = await signedIn(t, s)
  const found = await spy(page)
  assert.equal(found.storage, 'secret')
  assert.match(found.api!, /"user":"me"/)
})

test('PB12 PB14 PB15 a page follows its document or stays, and is gone when it is taken back', async t => {
  const s = await scene(t)
  const { url } = await s.publish({ mode: 'continuous' })
  const { page } = await reader(t)
  const shows = async (text: string): Promise<boolean> => {
    await page.goto(url)
    return page.getByText(text).first().isVisible()
  }
  assert.ok(await shows('Bring an umbrella.'))
  const doc = openDocument(t, s, 'bergen.md')
  await eventually('the document', async () => doc.getText('content').length > 0)
  doc.getText('content').insert(doc.getText('content').length, '\nAnd boots.\n')
  await eventually('the page to follow', () => shows('And boots.'))
  await s.publish({ mode: 'pinned' })
  doc.getText('content').insert(doc.getText('content').length, '\nAnd a hat.\n')
  await eventually('the edit', async () =>
    (await (await s.api('GET', `/documents/${s.id}/content`)).text()).includes('a hat'),
  )
  assert.ok(await shows('And boots.'))
  assert.ok(!(await shows('And a hat.')))
  await s.json('DELETE', `/publications/${s.id}`)
  assert.equal((await page.goto(url))!.status(), 404)
  assert.ok(await page.getByRole('heading', { name: 'There is nothing here' }).isVisible())
})

test('PB10 a document is published, pinned and taken back from its menu: light at 1280 px, dark at 390 px', async t => {
  const s = await scene(t)
  const { page, faults } = await openBrowser(t, { width: 1280 })
  await signInByCode(page, { url: s.hub.url, link: await s.hub.signInLink() })
  for (const look of [
    { name: 'light, 1280 px', theme: 'light', width: 1280 },
    { name: 'dark, 390 px', theme: 'dark', width: 390 },
  ] as const) {
    await page.setViewportSize({ width: look.width, height: 900 })
    await page.emulateMedia({ colorScheme: look.theme })
    await page.goto(s.at('/p/demo/bergen.md'))
    const open = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Notebook menu' }).click()
      await page.getByRole('button', { name: 'Publish…' }).click()
    }
    await open()
    const dialog = page.getByRole('dialog', { name: 'Publish bergen' })
    await dialog.getByRole('button', { name: 'Publish' }).click()
    const link = dialog.getByRole('link')
    await link.waitFor()
    assert.equal(await link.getAttribute('href'), s.at('/@me/demo/bergen'))
    assert.equal((await rawRequest(s.at('/@me/demo/bergen'), {})).status, 200)
    await dialog.getByLabel('This version, as it is now').check()
    await dialog.getByRole('button', { name: 'Update' }).click()
    await dialog.getByText('Version 1', { exact: false }).waitFor()
    await assertGoodPage(page)
    await shot(page, `publish-dialog ${look.name}`)
    await dialog.getByRole('button', { name: 'Close' }).click()
    if (look.width > 1000) {
      await page.getByRole('button', { name: 'Published · v1' }).waitFor()
      await shot(page, `published-badge ${look.name}`)
    }
    await open()
    await dialog.getByRole('button', { name: 'Unpublish' }).click()
    await eventually('it to be gone', async () => (await rawRequest(s.at('/@me/demo/bergen'), {})).status === 404)
  }
  assert.deepEqual(faults, [])
})

test('PB10 a document is published by command, listed and taken back', async t => {
  const s = await scene(t)
  const env = { MESHBOOK_TOKEN: s.token }
  const run = (...args: string[]) => command(['publish', ...args, '--hub', s.hub.url], env)
  const first = await run(s.id)
  assert.equal(first.stdout.trim().split('\n').at(-1), s.at('/@me/demo/bergen'))
  const pinned = await run('me/demo/bergen', '--pin', 'now', '--json')
  assert.equal((JSON.parse(pinned.stdout) as Publication).version, 1)
  assert.match((await run('--list')).stdout, /bergen\.md +version 1/)
  assert.equal((await run(s.id, '--pin', '99')).code, 1)
  assert.equal((await run(s.id, '--pin', 'x')).code, 2)
  assert.equal((await run(s.id, '--remove')).code, 0)
  assert.equal((await rawRequest(s.at('/@me/demo/bergen'), {})).status, 404)
})

test('PB1 what an axe run finds on a page with a fault is found', async t => {
  const { page } = await reader(t, { scripts: true })
  await page.setContent('<html lang="en"><title>x</title><main><h1>x</h1><img src="data:,x"></main></html>')
  assert.notEqual((await new AxeBuilder({ page }).analyze()).violations.length, 0)
})
