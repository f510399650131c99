/** The first page of the phone's shell (`mobile/`, PH80) in real Chromium: asks for a hub over TLS, checks it, goes there. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import { systemRandom } from '@meshbook/core/ids.ts'
import { ensureAuthority, folderOf } from '@meshbook/hub/tls/authority-folder.ts'
import { makeAuthority, makeCertificate } from '@meshbook/hub/tls/certificates.ts'
import { thisMachine } from '@meshbook/hub/tls/shown-certificate.ts'
import type { BrowserContext, Page } from 'playwright-core'
import { openBrowser } from '../browser.ts'
import { type Cleanup, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'
import { TrustingBrowser } from '../trusting-browser.ts'
import { wholeFile } from '../whole-file.ts'

const www = join(import.meta.dirname, '../../mobile/www')
const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

/** As the shell serves its own files, from an origin that is none of the hub's. */
async function serveShell(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://shell').pathname
    readFile(join(www, path === '/' ? 'index.html' : path)).then(
      bytes => response.writeHead(200, { 'content-type': types[extname(path)] ?? 'text/html' }).end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://localhost:${(server.address() as AddressInfo).port}/`
}

interface CertifiedMesh {
  mesh: MeshProcess
  /** Of the hub, over TLS. */
  origin: string
  data: string
}

interface World extends CertifiedMesh {
  shell: string
  context: BrowserContext
  page: Page
}

/** With an authority of its own, whose certificate it shows. */
async function certifiedMesh(t: Cleanup): Promise<CertifiedMesh> {
  const data = await temporaryFolder(t)
  await ensureAuthority(thisMachine(null), { dataFolder: data, now: Date.now(), random: systemRandom })
  const mesh = await startMesh(t, data)
  return { mesh, origin: `https://localhost:${new URL(mesh.url).port}`, data }
}

let begun: Promise<CertifiedMesh> | undefined

/** For the tests that only look at it. */
function sharedMesh(): Promise<CertifiedMesh> {
  begun ??= certifiedMesh(wholeFile)
  return begun
}

async function world(t: TestContext, of: CertifiedMesh): Promise<World> {
  const browser = await TrustingBrowser.of(t)
  browser.trust(join(folderOf(of.data), 'ca.crt'))
  return { ...of, ...(await browser.open()), shell: await serveShell(t) }
}

/** A server over TLS that is no hub. */
async function stranger(t: TestContext, data: string, trusted: boolean, body: string): Promise<string> {
  const ports = { dataFolder: data, now: Date.now(), random: systemRandom }
  const machine = thisMachine(null)
  const authority = trusted
    ? await ensureAuthority(machine, ports)
    : makeAuthority('stranger', { names: ['localhost'], networks: [] }, ports)
  const { certificate, key } = makeCertificate(['localhost'], authority, ports)
  const tls = { cert: certificate.toString(), key: key.export({ type: 'pkcs8', format: 'pem' }) }
  const server: Server = createTlsServer(tls, (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' }).end(body),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

async function enter(page: Page, address: string): Promise<void> {
  await page.getByLabel('Address').fill(address)
  await page.getByRole('button', { name: 'Continue' }).tap()
}

async function refused(page: Page, address: string, says: RegExp): Promise<void> {
  await enter(page, address)
  await page.getByRole('button', { name: 'Continue' }).waitFor()
  await page.waitForFunction(
    pattern => new RegExp(pattern).test(document.querySelector('#said')?.textContent ?? ''),
    says.source,
  )
  assert.equal(await page.evaluate(() => localStorage.getItem('meshbook-hub')), null, 'it is not kept')
}

test('PH80 the shell asks for the hub, says what is wrong with an address, goes there, and remembers it', async t => {
  const { shell, page, origin, mesh, data } = await world(t, await sharedMesh())
  await page.goto(shell)
  await page.getByRole('heading', { name: 'Where is your hub?' }).waitFor()

  await t.test('addresses that are none, plain, of nobody, of a stranger, not trusted, too new', async t => {
    await refused(page, '', /Type the address/)
    await refused(page, 'not an address', /no address of a hub/)
    await refused(page, 'https://user:secret@mesh.example', /no address of a hub/)
    await refused(page, 'javascript:alert(1)', /no address of a hub/)
    await refused(page, mesh.url, /overheard.*meshbook tls/)
    await refused(page, 'https://localhost:1', /No answer from localhost:1 that this phone trusts/)
    assert.equal(await page.locator('#said a').getAttribute('href'), 'http://localhost:1/tls')
    await refused(page, await stranger(t, data, true, '{"ok":true}'), /not Meshbook/)
    await refused(page, await stranger(t, data, true, '<html>'), /not Meshbook/)
    await refused(
      page,
      await stranger(t, data, false, '{"ok":true,"name":"meshbook","version":"0.1.0"}'),
      /certificate is not installed/,
    )
    await refused(page, await stranger(t, data, true, '{"name":"meshbook","version":"7.0.0"}'), /7\.0\.0.*too old/)
  })

  await t.test('the hub, also without https:// in front, and the next time at once', async () => {
    await enter(page, origin.replace('https://', ' '))
    await page.waitForURL(url => url.origin === origin && url.pathname.startsWith('/m/'))
    await page.goto(shell)
    await page.getByRole('heading', { name: /Opening localhost/ }).waitFor()
    await page.waitForURL(url => url.origin === origin)
  })

  await t.test('another hub can be chosen; until one is good the old one stays', async () => {
    await page.goto(shell)
    await page.getByRole('button', { name: 'Another hub' }).tap()
    assert.equal(await page.getByLabel('Address').inputValue(), origin)
    await page.waitForTimeout(1_500)
    assert.ok(page.url().startsWith(shell), 'it does not go on by itself any more')
    await enter(page, 'https://localhost:1')
    await page.locator('#said a').waitFor()
    assert.equal(await page.evaluate(() => localStorage.getItem('meshbook-hub')), origin)
    await enter(page, `${origin}/p/demo`)
    await page.waitForURL(url => url.origin === origin)
  })
})

test('PH80 a pairing link leads to pairing at its hub', async t => {
  const { shell, page, origin } = await world(t, await sharedMesh())
  await page.goto(shell)
  await enter(page, `${origin}/pair#v1.K7Q2M9XD`)
  await page.waitForURL(url => url.origin === origin && url.pathname.endsWith('/pair'))
})

test('PH13 PH80 with the hub gone the app is there as it was, and without its cache the shell says what is wrong', async t => {
  const { shell, page, origin, mesh } = await world(t, await certifiedMesh(t))
  await page.goto(mesh.link.replace(new URL(mesh.link).origin, origin))
  await page.waitForURL(url => url.pathname !== '/signin')
  await page.goto(shell)
  await enter(page, origin)
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await mesh.kill('SIGKILL')
  await page.goto(shell)
  await page.waitForURL(url => url.origin === origin)
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  // What a system without service workers shows in the place of the page.
  await page.goto(`${shell}failed.html`)
  await page.waitForURL(url => url.hash === '#failed')
  await page.getByText('No answer from localhost').waitFor()
  await page.getByRole('button', { name: 'Open it as it was last time' }).tap()
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
})

test('PH70 PH80 the first page at 320 px, light and dark: nothing wider, every target 44 px, no serious issue', async t => {
  const shell = await serveShell(t)
  const { page } = await openBrowser(t, { width: 320, height: 844, touch: true })
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(shell)
    await enter(page, 'https://localhost:1')
    await page.locator('#said a').waitFor()
    const measured = await page.evaluate(() => ({
      width: document.documentElement.scrollWidth,
      low: [...document.querySelectorAll('button, input, #said a')]
        .filter(it => it.checkVisibility() && it.getBoundingClientRect().height < 44)
        .map(it => it.outerHTML),
    }))
    assert.deepEqual(measured, { width: 320, low: [] })
    const { violations } = await new AxeBuilder({ page }).analyze()
    assert.deepEqual(
      violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => [id, nodes[0]?.html]),
      [],
    )
    if (process.env.MESHBOOK_SHOTS)
      await page.screenshot({ path: join(process.env.MESHBOOK_SHOTS, `mobile-${colorScheme}.png`) })
  }
})
