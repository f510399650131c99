import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { channelProofText, readChannelProof, writeChannelProof } from './device-auth.ts'
import { parseId } from './ids.ts'

const proof = {
  device: parseId('device', `dev_${'0'.repeat(26)}`),
  timestamp: 1_700_000_000_000,
  nonce: 'abcdefghijklmnop',
  signature: 'A'.repeat(86),
}

test('a proof is read back as it was written', () => {
  assert.deepEqual(readChannelProof(writeChannelProof(proof)), proof)
})

test('any other header is no proof', () => {
  const header = writeChannelProof(proof)
  for (const text of [
    undefined,
    '',
    'Bearer mb_x',
    ` ${header}`,
    `${header}x`,
    header.toLowerCase(),
    header.replace('dev_', 'usr_'),
    header.replace('abcdefghijklmnop', 'short'),
    `${header}\n`,
  ]) {
    assert.equal(readChannelProof(text), undefined)
  }
  fc.assert(fc.property(fc.string(), text => assert.equal(readChannelProof(`MeshDevice ${text}`), undefined)))
})

test('what is signed binds host, device, time and nonce, so that a proof is void elsewhere and later', () => {
  const texts = [
    channelProofText('a:1', proof),
    channelProofText('b:1', proof),
    channelProofText('a:2', proof),
    channelProofText('a:1', { ...proof, timestamp: 1 }),
    channelProofText('a:1', { ...proof, nonce: 'another-nonce-00' }),
    channelProofText('a:1', { ...proof, device: parseId('device', `dev_${'1'.repeat(26)}`) }),
  ]
  assert.equal(new Set(texts).size, texts.length)
  assert.equal(channelProofText('Mesh.Example', proof), channelProofText('mesh.example', proof))
})
