/** Hostile outputs in a real Chromium: none reads a secret of the page, and none sends a request (S9). */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { browserFlags, chromiumPath, openDocument, signInByCode } from '../browser.ts'
import { hostilePayloads, hostileProse, hostileText, type Payload } from '../hostile-payloads.ts'
import { startMesh, temporaryFolder } from '../mesh-process.ts'

const secret = 'S3CRET-of-the-page'

/** Whoever is asked here was reached: hosts by their names, connections, and what came over UDP. */
interface Canary {
  port: number
  requests: string[]
  datagrams: number
}

async function startCanary(t: TestContext): Promise<Canary> {
  const canary: Canary = { port: 0, requests: [], datagrams: 0 }
  const server = createServer((request, response) => {
    canary.requests.push(`${request.headers.host}${request.url}`)
    response.writeHead(200, { 'access-control-allow-origin': '*' }).end('')
  })
  server.on('upgrade', (request, socket) => {
    canary.requests.push(`${request.headers.host}${request.url}`)
    socket.destroy()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  canary.port = (server.address() as AddressInfo).port
  const socket = createSocket('udp4', () => canary.datagrams++)
  await new Promise<void>(resolve => socket.bind(canary.port, '0.0.0.0', resolve))
  t.after(() => socket.close())
  return canary
}

interface Watched {
  context: BrowserContext
  page: Page
  /** Closes the browser; resolves with the hosts below `canary.test` that it looked up or connected to. */
  reached(): Promise<Set<string>>
}

async function openWatched(t: TestContext, folder: string): Promise<Watched> {
  const log = join(folder, `net-${Math.random()}.json`)
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [...browserFlags, '--host-resolver-rules=MAP *.canary.test 127.0.0.1', `--log-net-log=${log}`],
  })
  t.after(() => browser.close())
  const context = await browser.newContext({ viewport: { width: 1200, height: 1600 } })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const reached = async () => {
    await browser.close()
    const text = await readFile(log, 'utf8')
    return new Set([...text.matchAll(/([a-z0-9-]+)\.canary\.test/g)].map(match => match[1]!))
  }
  return { context, page, reached }
}

const plantSecret = (page: Page): Promise<void> =>
  page.evaluate(text => {
    // biome-ignore lint/suspicious/noDocumentCookie: what a payload would look for
    document.cookie = `secret=${text}`
    localStorage.secret = text
    sessionStorage.secret = text
    Object.assign(window, { secret: text, heard: [] })
    addEventListener('message', event => {
      ;(window as unknown as { heard: string[] }).heard.push(JSON.stringify(event.data) ?? '')
    })
    document.body.append(Object.assign(document.createElement('p'), { hidden: true, textContent: text }))
  }, secret)

const program = (payloads: readonly Payload[], text: string): string => `import json
class Bundle:
    def __init__(self, mime, data): self.mime, self.data = mime, data
    def _repr_mimebundle_(self, **_): return {self.mime: self.data, "text/plain": "-"}
for mime, data in json.load(open("hostile.json")): display(Bundle(mime, data))
print(json.loads(${JSON.stringify(JSON.stringify(text))}))
print(${payloads.length}, "payloads shown")`

test('S9 OU20 no hostile output reads a secret or sends a request', { timeout: 300_000 }, async t => {
  const canary = await startCanary(t)
  const payloads = hostilePayloads(canary.port)
  assert.ok(payloads.length >= 40)
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const project = join(data, 'projects/demo')
  await writeFile(join(project, 'hostile.json'), JSON.stringify(payloads.map(({ mime, data }) => [mime, data])))
  const code = program(payloads, hostileText(canary.port))
  await writeFile(
    join(project, 'hostile.md'),
    `# Hostile\n\n${hostileProse(canary.port)}\n\n\`\`\`python\n${code}\n\`\`\`\n`,
  )

  const { context, page, reached } = await openWatched(t, data)
  const answered: string[] = []
  context.on('response', response => answered.push(response.url()))
  await signInByCode(page, mesh)
  await openDocument(page, mesh, 'hostile.md')
  await plantSecret(page)
  await page.getByRole('button', { name: 'Run the cell' }).first().click()
  await page.getByText(`${payloads.length} payloads shown`).waitFor({ state: 'attached' })
  const shown = page.locator('.rich-output')
  assert.equal(await shown.count(), payloads.length)
  const framed = await showEach(page)
  assert.ok(framed >= 80, `${framed} frames were live`)

  assert.ok((await page.getByText('This output tried to leave').count()) > 0)
  assert.equal(context.pages().length, 1, 'no window was opened')
  assert.equal(new URL(page.url()).pathname, '/p/demo/hostile.md')
  const read = await page.evaluate(() => {
    const { owned, heard } = window as unknown as { owned?: unknown; heard: string[] }
    return { owned, heard, polluted: ({} as { polluted?: unknown }).polluted }
  })
  assert.deepEqual([read.owned, read.polluted], [undefined, undefined])
  assert.ok(
    read.heard.some(message => message.includes('stolen')),
    'the payloads ran',
  )
  assert.deepEqual(
    read.heard.filter(
      message => message.includes(secret) || message.includes('"tokens"') || message.includes('"user"'),
    ),
    [],
    'a secret was read',
  )
  assert.deepEqual(
    answered.filter(url => !url.startsWith(mesh.url) && !/^(?:data|blob):/.test(url)),
    [],
  )
  assert.deepEqual(canary.requests, [], 'a request was sent')
  assert.equal(canary.datagrams, 0)
  // A script that leaves its frame has its address looked up and connected to by Chromium before the policy stops it; nothing is sent.
  const mayConnect = new Set(payloads.filter(({ leaves }) => leaves).map(({ name }) => name))
  assert.deepEqual(
    [...(await reached())].filter(name => !mayConnect.has(name)),
    [],
    'a name was looked up',
  )
})

/** Brings every output near the screen, where its frame is live. Returns how many frames there were. */
async function showEach(page: Page): Promise<number> {
  let most = 0
  const outputs = page.locator('.rich-output')
  const count = await outputs.count()
  const seen = new Set<number>()
  for (let at = 0; at < count; at += 3) {
    await outputs.nth(at).evaluate(element => element.scrollIntoView({ block: 'center' }))
    await page.waitForTimeout(400)
    const live = await outputs.evaluateAll(all =>
      all.flatMap((output, n) => (output.querySelector('iframe') ? [n] : [])),
    )
    for (const n of live) seen.add(n)
    most = Math.max(most, live.length)
  }
  return seen.size
}

test('S9 OU20 the same payloads do reach the canary from a page without protection', { timeout: 300_000 }, async t => {
  const canary = await startCanary(t)
  const payloads = hostilePayloads(canary.port).filter(({ mime }) => mime === 'text/html')
  const folder = await temporaryFolder(t)
  const unprotected = createServer((request, response) => {
    const payload = payloads.find(({ name }) => request.url === `/${name}`)
    const plant = `<script>document.cookie = 'secret=${secret}'; window.secret = '${secret}'</script>`
    response.writeHead(200, { 'content-type': 'text/html' }).end(`${plant}<body>${payload?.data ?? ''}`)
  })
  await new Promise<void>(resolve => unprotected.listen(0, '127.0.0.1', resolve))
  t.after(() => unprotected.close())
  t.after(() => unprotected.closeAllConnections())
  const { port } = unprotected.address() as AddressInfo
  const { context, page, reached } = await openWatched(t, folder)
  for (const { name } of payloads) {
    const tab = await context.newPage()
    await tab.goto(`http://127.0.0.1:${port}/${name}`).catch(() => undefined)
    await tab.waitForTimeout(150)
    await tab.close()
  }
  await page.waitForTimeout(500)
  const asked = new Set(canary.requests.map(request => request.split('.')[0]))
  assert.ok(asked.size >= 40, `only ${asked.size} of ${payloads.length}: ${[...asked].join(' ')}`)
  assert.ok(
    canary.requests.some(request => request.includes(secret)),
    'the secret was not sent',
  )
  const looked = await reached()
  assert.ok(looked.has('webrtc'), 'WebRTC looks names up')
  t.diagnostic(
    `${asked.size} of ${payloads.length} sent a request; not: ${payloads.flatMap(({ name }) => (asked.has(name) ? [] : [name])).join(' ')}`,
  )
})
