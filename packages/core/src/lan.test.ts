import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as v from 'valibot'
import { decodeFrame } from './frames.ts'
import { isPrivateAddress, lanOfferSchema } from './lan.ts'
import { encodeMessage, parseDirect } from './messages.ts'

test('LAN2 only private addresses can be offered, and at most eight', () => {
  for (const address of ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.7.10', 'fd12::1', 'fc00::5'])
    assert.ok(isPrivateAddress(address), address)
  for (const address of [
    '8.8.8.8',
    '172.32.0.1',
    '127.0.0.1',
    '169.254.1.1',
    '::1',
    'fe80::1',
    '10.0.0.256',
    '10.0.0.1:80',
    'fd12::1%eth0',
    'localhost',
    '2001:db8::1',
    '::ffff:8.8.8.8',
    '',
  ])
    assert.ok(!isPrivateAddress(address), address)
  const offer = (count: number) => ({
    addresses: Array<string>(count).fill('10.0.0.1'),
    port: 4000,
    certificate: 'x'.repeat(300),
  })
  assert.ok(v.is(lanOfferSchema, offer(8)))
  assert.ok(!v.is(lanOfferSchema, offer(9)))
  assert.ok(!v.is(lanOfferSchema, offer(0)))
})

test('LAN20 no message of the channel but those of documents is understood on a direct connection', () => {
  assert.equal(parseDirect(decodeFrame(encodeMessage({ type: 'CREDIT', stream: 1, bytes: 5 }))).type, 'CREDIT')
  for (const message of [
    { type: 'BYE', reason: 'stop' } as const,
    { type: 'RUN_CANCEL', run: 'run_1' as never, reason: '' } as const,
    { type: 'REVOKED' } as const,
  ])
    assert.throws(() => parseDirect(decodeFrame(encodeMessage(message))), { code: 'BAD_MESSAGE' })
})
