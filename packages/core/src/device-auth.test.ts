import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelProofText, readChannelProof, writeChannelProof } from './device-auth.ts'
import { deviceIdOf } from './ids.ts'

const proof = {
  device: deviceIdOf(new Uint8Array(32).fill(7)),
  timestamp: 1_800_000_000_000,
  nonce: 'abcdefghijklmnop_-',
  signature: 'A'.repeat(86),
}

test('a proof is read back as it was written', () => {
  assert.deepEqual(readChannelProof(writeChannelProof(proof)), proof)
})

test('what is signed names the host in lower case, the device, the time and the nonce', () => {
  assert.equal(
    channelProofText('Mesh.Example:3005', proof),
    `meshbook-channel|mesh.example:3005|${proof.device}|1800000000000|abcdefghijklmnop_-`,
  )
})

test('anything else in the header is no proof', () => {
  const good = writeChannelProof(proof)
  const bad = [
    undefined,
    '',
    'Bearer mb_x',
    good.replace('MeshDevice', 'meshdevice'),
    good.replace('dev_', 'doc_'),
    good.replace('1800000000000', '-1'),
    good.replace('abcdefghijklmnop_-', 'short'),
    good.replace('abcdefghijklmnop_-', 'a|b|c|d|e|f|g|h|i|j'),
    good.slice(0, -1),
    `${good} `,
  ]
  for (const header of bad) assert.equal(readChannelProof(header), undefined, String(header))
})
