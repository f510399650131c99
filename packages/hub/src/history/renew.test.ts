import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Renewed, Version } from '@meshbook/core/api.ts'
import { startTestHub } from '../testing/test-hub.ts'

test('a renewed document keeps its text and its versions, loses its past, and can be written again (HI26)', async t => {
  const hub = await startTestHub(t)
  const { id } = await hub.document('a.md', '# Kept\n')
  const restore = (version: number, request: string) =>
    hub.json<Version>('POST', `/documents/${id}/restore`, { version, request })
  await hub.json('POST', `/documents/${id}/versions`, {})
  const renewed = await hub.json<Renewed>('POST', `/documents/${id}/renew`, {})
  assert.ok(renewed.epoch > 1)
  const again = await hub.json<Renewed>('POST', `/documents/${id}/renew`, {})
  assert.ok(again.epoch > renewed.epoch)
  assert.equal(again.bytesBefore, renewed.bytes)
  const text = async () => (await hub.api('GET', `/documents/${id}/content`)).text()
  assert.equal(await text(), '# Kept\n')
  const { items } = await hub.json<{ items: Version[] }>('GET', `/documents/${id}/versions`)
  assert.equal(await (await hub.api('GET', `/documents/${id}/versions/${items.at(-1)!.version}`)).text(), '# Kept\n')
  await restore(items.at(-1)!.version, 'request-after-renew')
  assert.equal(await text(), '# Kept\n')
})

test('only who has all rights may renew a document, and only one that is there (HI26)', async t => {
  const hub = await startTestHub(t)
  const { id } = await hub.document('a.md', 'x')
  const { token } = await hub.json<{ token: string }>('POST', '/tokens', { name: 'writer', scopes: ['read', 'write'] })
  const refused = await fetch(`${hub.hub.url}/api/v1/documents/${id}/renew`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  assert.equal(refused.status, 403)
  await hub.api('DELETE', `/documents/${id}`)
  assert.equal((await hub.api('POST', `/documents/${id}/renew`, {})).status, 404)
})
