/** HTTPS by the hub itself: a name that is not this machine's, a private authority, and everything still joins. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import { openBrowser } from '../browser.ts'
import { command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

interface Answer {
  status: number
  cookie: string
}

function post(url: URL, port: string, ca: Buffer, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', host: url.host, origin: url.origin }
    // The name in the certificate is resolved to loopback here, as a user's DNS would.
    const options = {
      method: 'POST',
      ca,
      headers,
      host: '127.0.0.1',
      port,
      path: url.pathname,
      servername: url.hostname,
    }
    const asked = request(options, response => {
      response.resume()
      resolve({ status: response.statusCode ?? 0, cookie: String(response.headers['set-cookie'] ?? '') })
    })
    asked.once('error', reject).end(body)
  })
}

test('with a certificate the hub serves HTTPS, its own device joins, and the cookie is a __Host- one', async t => {
  const data = await temporaryFolder(t)
  const [key, cert] = [join(data, 'key.pem'), join(data, 'cert.pem')]
  const subject = ['-subj', '/CN=mesh.test', '-addext', 'subjectAltName=DNS:mesh.test']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  )
  const env = { MESHBOOK_TLS_CERT: cert, MESHBOOK_TLS_KEY: key, MESHBOOK_PUBLIC_URL: 'https://mesh.test' }
  const mesh = await startMesh(t, data, ['--port', '0'], env)
  assert.match(mesh.url, /^https:/)
  assert.match(mesh.link, /^https:\/\/mesh\.test\/signin.*#/)
  const url = new URL('/api/v1/auth/link', mesh.link)
  const answer = await post(
    url,
    new URL(mesh.url).port,
    await readFile(cert),
    JSON.stringify({ code: new URL(mesh.link).hash.slice(1) }),
  )
  assert.ok(answer.status < 300, String(answer.status))
  assert.match(answer.cookie, /^__Host-mb_session=.*; Path=\/; HttpOnly; Secure; SameSite=Lax/)
  const { code, stdout } = await command(['run', join(data, 'projects/demo/welcome.md'), '--cell', '1', '--data', data])
  assert.equal(code, 0)
  assert.match(stdout, /521 months/)
})

test('half a certificate is a clear error that names the setting', async t => {
  const { code, stderr } = await command(['start', '--no-open', '--data', await temporaryFolder(t)], {
    MESHBOOK_TLS_KEY: '/nowhere.pem',
  })
  assert.equal(code, 2)
  assert.match(stderr, /MESHBOOK_TLS_CERT/)
})

interface Shown {
  fingerprint: string
  file: string
  names: string[]
  certificateUntil: string | null
  url: string
}

test('TL1 TL3 `meshbook tls` makes an authority once, says how devices come to trust it, and doctor looks at it', async t => {
  const data = await temporaryFolder(t)
  const none = await command(['tls', 'status', '--json', '--data', data])
  assert.equal(none.code, 1)
  assert.match(none.stdout, /NOT_FOUND.*meshbook tls/)
  const made = JSON.parse((await command(['tls', '--json', '--data', data, '--port', '4321'])).stdout) as Shown
  const again = await command(['tls', '--data', data])
  for (const said of [
    made.fingerprint.slice(0, 47),
    made.fingerprint.slice(48),
    made.file,
    'Certificate Trust Settings',
    'CA certificate',
  ])
    assert.ok(again.stderr.includes(said), said)
  const status = JSON.parse((await command(['tls', 'status', '--json', '--data', data])).stdout) as Shown
  assert.deepEqual([status.fingerprint, status.names], [made.fingerprint, made.names])
  const doctor = await command(['doctor', '--json', '--data', data])
  const findings = doctor.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { check: string; ok: boolean })
  assert.deepEqual(
    findings.filter(({ check }) => /Certificate|Authority/.test(check)).map(({ ok }) => ok),
    [true, true, true],
  )
  const other = JSON.parse((await command(['tls', '--new', '--json', '--data', data])).stdout) as Shown
  assert.notEqual(other.fingerprint, made.fingerprint)
  const given = await command(['tls', '--data', data], { MESHBOOK_TLS_CERT: '/x.pem', MESHBOOK_TLS_KEY: '/y.pem' })
  assert.equal(given.code, 2)
})

test('TL6 a hub with its own authority: this machine goes on as before, another Meshbook joins over TLS', async t => {
  const data = await temporaryFolder(t)
  const { file } = JSON.parse((await command(['tls', '--json', '--data', data])).stdout) as Shown
  const token = 'mb_joins-over-tls-token'
  const mesh = await startMesh(t, data, ['--port', '0', '--host', '0.0.0.0'], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  assert.match(mesh.link, /^http:\/\/127\.0\.0\.1:/)
  const { page, faults } = await openBrowser(t, { width: 320 })
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(`${mesh.url}/tls`)
    for (const summary of await page.locator('summary').all()) await summary.click()
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320)
    const { violations } = await new AxeBuilder({ page }).analyze()
    assert.deepEqual(
      violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id),
      [],
    )
    const shots = process.env.MESHBOOK_SHOTS
    if (shots) await page.screenshot({ path: join(shots, `tls-${colorScheme}.png`), fullPage: true })
  }
  assert.deepEqual(faults, [])
  const device = await temporaryFolder(t)
  const hub = `https://localhost:${new URL(mesh.url).port}`
  await startProcess(t, device, ['up', '--hub', hub, '--name', 'Other'], {
    MESHBOOK_TOKEN: token,
    NODE_EXTRA_CA_CERTS: file,
  })
  await eventually('it is connected', async () => {
    const { stdout } = await command(['status', '--json', '--data', device])
    return stdout.includes('"linked":true')
  })
})
