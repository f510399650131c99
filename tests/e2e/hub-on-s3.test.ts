/** A hub whose assets are on a real S3 server. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { S3Server } from '../s3-server.ts'

test('OB6 OB7 AS1 assets of a hub with MESHBOOK_S3_* are on the S3 server, in ranges too, and its secret is in no log', async t => {
  const s3 = await S3Server.start(t)
  const hub = await startTestHub(t, { env: s3.env() })
  const bytes = Buffer.alloc(9 * 2 ** 20, 'large ')
  const id = `sha256-${createHash('sha256').update(bytes).digest('hex')}`
  const headers = { authorization: `Bearer ${hub.token}` }
  const url = () => `${hub.hub.url}/api/v1/assets/${id}`
  s3.fault = method => (method === 'PUT' ? 500 : undefined)
  assert.equal((await fetch(url(), { method: 'PUT', headers, body: bytes })).status, 502)
  s3.fault = () => undefined
  const head = await fetch(url(), { method: 'HEAD', headers })
  assert.deepEqual([head.status, head.headers.get('upload-offset')], [404, String(bytes.length)])
  const rest = { ...headers, 'upload-offset': String(bytes.length), 'upload-complete': '?1' }
  assert.equal((await fetch(url(), { method: 'PUT', headers: rest, body: new Uint8Array() })).status, 201)
  await hub.restart()
  const part = await fetch(url(), { headers: { ...headers, range: 'bytes=8000000-8000005' } })
  assert.equal(part.status, 206)
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(8_000_000, 8_000_006)))
  const whole = Buffer.from(await (await fetch(url(), { headers })).arrayBuffer())
  assert.ok(whole.equals(bytes))
  assert.deepEqual(await readdir(join(hub.folder, 'uploads')), [])
  assert.deepEqual([...s3.open], [])
  assert.doesNotMatch(hub.logged.join('\n'), /canary|Signature=|MESHTESTKEY/)
})
