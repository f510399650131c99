/**
 * A phone in a network of its own reaches the hub over TLS (TL1–TL13): with the hub's own authority, imported as a person
 * imports it, and behind a proxy; plain HTTP there is refused with the ways out.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { makeAuthority as makeCa, makeCertificate } from '@meshbook/hub/tls/certificates.ts'
import type { BrowserContext, Page } from 'playwright-core'
import { chromiumPath } from '../browser.ts'
import { eventually } from '../mesh-process.ts'
import { TrustingBrowser } from '../trusting-browser.ts'
import { canNetwork } from './can-network.ts'
import { JsonChild } from './json-child.ts'
import { hubAddress, hubPort, Lab, type Machine } from './lab.ts'
import { makeAuthority, ready } from './lab-mesh.ts'

const options = canNetwork ? { timeout: 180_000 } : { skip: 'no network namespaces here' }
const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const script = (name: string): string => join(import.meta.dirname, name)
const proxyAddress = '198.51.100.5'
/** Of the push service: the hub sends to no address that is set aside for examples (S15). */
const pushAddress = '10.99.0.5'
const domain = 'mesh.test'

interface Pair {
  cert: string
  key: string
  /** Of whoever vouches for it. */
  ca: string
}

/** Certificates of an authority that is none of the hub's: of the proxy and of the push service. */
async function certificates(folder: string): Promise<Pair> {
  const clock = { now: Date.now(), random: systemRandom }
  const authority = makeCa('elsewhere', { names: [domain], networks: ['10.99.0.0/24'] }, clock)
  const { certificate, key } = makeCertificate([domain, pushAddress], authority, clock)
  const files = { cert: join(folder, 'proxy.crt'), key: join(folder, 'proxy.key'), ca: join(folder, 'proxy-ca.crt') }
  await writeFile(files.cert, certificate.toString())
  await writeFile(files.key, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(files.ca, authority.certificate.toString())
  return files
}

class PhoneLab {
  readonly lab: Lab
  readonly folder: string
  readonly data: string
  readonly elsewhere: Pair
  readonly push: JsonChild
  link = ''
  #hub: ReturnType<typeof spawn> | undefined

  private constructor(t: TestContext, lab: Lab, folder: string, elsewhere: Pair) {
    this.lab = lab
    this.folder = folder
    this.data = join(folder, 'hub')
    this.elsewhere = elsewhere
    this.push = new JsonChild(t, lab, 'proxy', script('push-main.ts'), [pushAddress, elsewhere.cert, elsewhere.key])
  }

  static async open(t: TestContext): Promise<PhoneLab> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-phone-tls-'))
    const lab = Lab.open(t)
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }))
    for (const [machine, address] of [
      ['hub', '10.99.0.10'],
      ['proxy', pushAddress],
    ] as const)
      lab.run(machine, 'ip', 'addr', 'add', `${address}/24`, 'dev', 'wan')
    const proxy = new JsonChild(t, lab, 'proxy', script('proxy-main.ts'))
    await proxy.ask({ do: 'listen' })
    return new PhoneLab(t, lab, folder, await certificates(folder))
  }

  async startHub(t: TestContext, env: Record<string, string>): Promise<void> {
    const push = await this.push.ask<string>({ do: 'origin' })
    const more = { MESHBOOK_PUSH_SERVICES: push, NODE_EXTRA_CA_CERTS: this.elsewhere.ca, ...env }
    const args = ['hub', '--host', '0.0.0.0', '--port', `${hubPort}`, '--json', '--data', this.data]
    this.#hub = this.start(t, 'hub', process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], more)
    this.link = (await ready(this.#hub)).link
  }

  start(
    t: TestContext,
    machine: Machine,
    program: string,
    args: string[],
    env: Record<string, string> = {},
  ): ReturnType<typeof spawn> {
    const [command, rest] = this.lab.command(machine, program, args)
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    t.after(() => void child.kill('SIGKILL'))
    return child
  }

  /** `address`: to which the name of the hub leads. */
  browser(t: TestContext, address: string): Promise<TrustingBrowser> {
    return TrustingBrowser.of(t, { names: { [domain]: address }, command: this.lab.command('phone', chromiumPath, []) })
  }

  async killHub(): Promise<void> {
    const ended = new Promise(resolve => this.#hub?.once('exit', resolve))
    this.#hub?.kill('SIGKILL')
    await ended
  }

  /** What a program on the phone gets: status, content type, body. */
  fetch(url: string, headers: Record<string, string> = {}, method = 'GET'): [number, string, string] {
    const code = `fetch(${JSON.stringify(url)}, ${JSON.stringify({ headers, method })}).then(async it => console.log(JSON.stringify([it.status, it.headers.get('content-type'), await it.text()])))`
    return JSON.parse(this.lab.run('phone', process.execPath, '-e', code))
  }
}

async function inPage<T>(page: Page, path: string, method = 'GET', body?: unknown): Promise<T> {
  const answer = await page.evaluate(
    async ([to, how, sent]) => {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`/api/v1${to}`, { method: how, ...(sent ? { headers, body: sent } : {}) })
      return { ok: response.ok, text: await response.text() }
    },
    [path, method, body === undefined ? '' : JSON.stringify(body)] as const,
  )
  assert.ok(answer.ok, `${method} ${path}: ${answer.text}`)
  return (answer.text === '' ? undefined : JSON.parse(answer.text)) as T
}

async function signInByLink(page: Page, link: string): Promise<void> {
  await page.goto(link)
  await page.waitForURL(url => url.pathname !== '/signin')
  assert.equal((await inPage<{ user: string }>(page, '/me')).user, 'me')
}

async function cookieIsSafe(context: BrowserContext): Promise<void> {
  const cookie = (await context.cookies()).find(({ name }) => name === '__Host-mb_session')
  assert.ok(cookie?.secure && cookie.httpOnly)
}

async function passkeyWorks(context: BrowserContext, page: Page, origin: string): Promise<void> {
  const cdp = await context.newCDPSession(page)
  await page.addInitScript(() => {
    PublicKeyCredential.isConditionalMediationAvailable = async () => false
  })
  await cdp.send('WebAuthn.enable', { enableUI: false })
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  await page.goto(`${origin}/account`)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Phone')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.locator('.account-row').filter({ hasText: 'Phone' }).waitFor()
  await context.clearCookies()
  await page.goto(`${origin}/signin`)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.waitForURL(url => url.pathname !== '/signin')
  assert.equal((await inPage<{ user: string }>(page, '/me')).user, 'me')
}

async function appIsInstalled(page: Page, origin: string): Promise<void> {
  await page.goto(`${origin}/m/`)
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
}

async function startsOffline(page: Page): Promise<void> {
  await page.reload()
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.getByText('The hub does not answer.').waitFor()
}

/** The hub encrypts, signs and sends; the service takes it only if all of that is by the standards. */
async function pushArrives(at: PhoneLab, page: Page): Promise<Record<string, unknown>> {
  const { key, works, why } = await inPage<{ key: string; works: boolean; why?: string }>(page, '/push/key')
  assert.ok(works, why)
  const subscription = await at.push.ask({ do: 'subscribe', serverKey: key })
  const body = { kind: 'push', name: 'Phone', subscription }
  const { id } = await inPage<{ id: string }>(page, '/push/ways', 'POST', body)
  const tested = await inPage<{ ok?: boolean; sent?: boolean }>(page, `/push/ways/${id}/test`, 'POST')
  const received = await at.push.ask<{ wrongs: string[]; payloads: Record<string, unknown>[] }>({ do: 'received' })
  assert.deepEqual(received.wrongs, [])
  assert.equal(received.payloads.length, 1, JSON.stringify(tested))
  assert.equal(received.payloads[0]!.kind, 'test')
  return received.payloads[0]!
}

/** `page` is where a phone would have scanned it. */
async function plainIsRefused(at: PhoneLab, page: Page, says: RegExp): Promise<void> {
  const plain = `http://${hubAddress}:${hubPort}`
  const answer = await page.goto(`${plain}/m/`)
  assert.equal(answer?.status(), 403)
  await page.getByRole('heading', { name: 'This connection can be overheard' }).waitFor()
  assert.match(await page.locator('main').innerText(), says)
  const width = await page.evaluate(() => document.documentElement.scrollWidth)
  assert.ok(width <= 390, `${width} px wide`)
  for (const path of ['/api/v1/me', '/api/v1/runs', '/metrics'])
    assert.deepEqual(
      ((answer: [number, string, string]) => [answer[0], JSON.parse(answer[2]).code])(at.fetch(plain + path)),
      [403, 'PLAIN_HTTP'],
    )
  assert.equal(at.fetch(`${plain}/healthz`)[0], 200)
}

test(
  'TL1 TL2 TL10 TL11 with the own authority: refused in the open, then trusted, and everything works',
  options,
  async t => {
    const at = await PhoneLab.open(t)
    const origin = `https://${domain}:${hubPort}`
    const { file, fingerprint, left } = makeAuthority(at.lab, at.data, origin)
    assert.deepEqual(left, [])
    await at.startHub(t, { MESHBOOK_PUBLIC_URL: origin })
    const phone = await at.browser(t, hubAddress)
    const before = await phone.open()

    await t.test('TL10 TL12 plain HTTP is refused with the steps and the fingerprint', async () => {
      await plainIsRefused(at, before.page, /iPhone and iPad/)
      assert.ok((await before.page.locator('.mark').innerText()).includes(fingerprint))
      assert.equal(await before.page.locator('a', { hasText: 'Open mesh.test' }).getAttribute('href'), `${origin}/`)
    })

    await t.test('TL2 a browser that has not installed the authority does not connect', async () => {
      await assert.rejects(before.page.goto(`${origin}/m/`), /ERR_CERT_AUTHORITY_INVALID/)
      await before.context.close()
    })

    await t.test('TL11 what the phone fetches over plain HTTP is the authority with that fingerprint', async () => {
      const [status, type, text] = at.fetch(`http://${hubAddress}:${hubPort}/tls/ca.crt`)
      assert.deepEqual([status, type], [200, 'application/x-x509-ca-cert'])
      assert.equal(new X509Certificate(text).fingerprint256, fingerprint)
      const taken = join(at.folder, 'taken.crt')
      await writeFile(taken, text)
      phone.trust(taken)
      assert.ok(file.endsWith('ca.crt'))
    })

    const { context, page } = await phone.open()
    await t.test('S5 sign-in, by the link and by a passkey', async () => {
      await signInByLink(page, at.link)
      await cookieIsSafe(context)
      await passkeyWorks(context, page, origin)
    })
    await t.test('NT13 a push of the hub is taken by a strict service over TLS', async () => {
      await pushArrives(at, page)
    })
    await t.test('PH10 PH13 the service worker runs, and the app starts with the hub gone', async () => {
      await appIsInstalled(page, origin)
      await at.killHub()
      await startsOffline(page)
    })
  },
)

async function startNginx(t: TestContext, at: PhoneLab): Promise<void> {
  const { cert, key } = at.elsewhere
  const config = join(at.folder, 'nginx.conf')
  // The snippet of docs/self-hosting.md, with what a server needs around it.
  await writeFile(
    config,
    `daemon off; worker_processes 1; pid ${at.folder}/nginx.pid; error_log ${at.folder}/nginx.log;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path ${at.folder}/body; proxy_temp_path ${at.folder}/temp;
  fastcgi_temp_path ${at.folder}/f; uwsgi_temp_path ${at.folder}/u; scgi_temp_path ${at.folder}/s;
  server {
    listen 443 ssl; server_name ${domain};
    ssl_certificate ${cert}; ssl_certificate_key ${key};
    location / {
      proxy_pass http://${hubAddress}:${hubPort};
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_buffering off;
      client_max_body_size 512m;
    }
  }
  server {
    listen 80; server_name ${domain};
    location / { proxy_pass http://${hubAddress}:${hubPort}; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme; }
  }
}
`,
  )
  at.start(t, 'proxy', '/usr/sbin/nginx', ['-p', at.folder, '-c', config])
  await eventually('the proxy answers', async () => {
    try {
      return at.fetch(`http://${proxyAddress}/healthz`, { host: domain })[0] > 0
    } catch {
      return false
    }
  })
}

test(
  'TL13 behind a proxy with TLS: everything works, and in the open through it or past it nothing is served',
  options,
  async t => {
    const at = await PhoneLab.open(t)
    const origin = `https://${domain}`
    await at.startHub(t, { MESHBOOK_PUBLIC_URL: origin, MESHBOOK_TRUSTED_PROXIES: proxyAddress })
    await startNginx(t, at)
    const phone = await at.browser(t, proxyAddress)
    phone.trust(at.elsewhere.ca)
    const { context, page } = await phone.open()

    await t.test('TL10 TL12 past the proxy in the open it is refused, with the address of the proxy', async () => {
      await plainIsRefused(at, page, /MESHBOOK_TRUSTED_PROXIES/)
      assert.equal(await page.locator('a', { hasText: 'Open https://mesh.test' }).getAttribute('href'), `${origin}/`)
    })
    await t.test('TL13 through the proxy in the open it is refused too', async () => {
      const answer = await page.goto(`http://${domain}/m/`)
      assert.equal(answer?.status(), 403)
    })
    await t.test('S5 sign-in, by the link and by a passkey', async () => {
      await signInByLink(page, at.link)
      await cookieIsSafe(context)
      await passkeyWorks(context, page, origin)
    })
    await t.test('S5 a WebSocket passes the proxy and is asked for its right', async () => {
      const closed = await page.evaluate(
        () =>
          new Promise<number>(resolve => {
            const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/sync/me/none/none.md`)
            socket.onclose = event => resolve(event.code)
          }),
      )
      assert.equal(closed, 4404)
    })
    await t.test('NT13 a push of the hub is taken by a strict service over TLS', async () => {
      await pushArrives(at, page)
    })
    await t.test('PH10 PH13 the service worker runs, and the app starts with the hub gone', async () => {
      await appIsInstalled(page, origin)
      await at.killHub()
      await startsOffline(page)
    })
  },
)
