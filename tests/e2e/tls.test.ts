/** HTTPS by the hub itself: a name that is not this machine's, a private authority, and everything still joins. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, startMesh, temporaryFolder } from '../mesh-process.ts'

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
