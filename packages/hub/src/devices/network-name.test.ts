import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { networkName } from './network-name.ts'

const org = newId('org', 1, systemRandom)
const name = (address: string) => networkName(org, address)

test('RT34 one network has one name: by the IPv4 address, or by the first half of an IPv6 address in any spelling', () => {
  assert.equal(name('203.0.113.7'), name('203.0.113.7'))
  assert.notEqual(name('203.0.113.7'), name('203.0.113.8'))
  assert.equal(name('2001:db8:0:1::5'), name('2001:0db8:0000:0001:a:b:c:d'))
  assert.notEqual(name('2001:db8:0:1::5'), name('2001:db8:0:2::5'))
  assert.equal(name('::1'), name('0:0:0:0:0:0:0:1'))
})

test('RT34 the name holds no address, and two orgs call one network differently', () => {
  assert.match(name('203.0.113.7'), /^[0-9a-f]{64}$/)
  assert.notEqual(name('203.0.113.7'), networkName(newId('org', 2, systemRandom), '203.0.113.7'))
})
