/** Joins with a code that another screen shows: this machine shows two digits, which are entered there. */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { digitsOf, readPairingCode, transcriptText } from '@meshbook/core/pairing.ts'
import { claimedSchema, type Newcomer, type PairOutcome, pairOutcomeSchema } from '@meshbook/core/pairing-api.ts'
import type { HubDoor } from './hub-door.ts'

export async function joinByCode(
  door: HubDoor,
  typed: string,
  device: Newcomer,
  show: (digits: string) => void,
): Promise<PairOutcome> {
  const code = readPairingCode(typed)
  if (!code) throw new MeshError('PAIRING_CODE', { detail: 'a code has eight letters and digits' })
  const { pairing, claim } = await door.post('/pair', { as: 'device', code, ...device }, claimedSchema)
  const { publicKey, sealKey } = device
  show(digitsOf(createHash('sha256').update(transcriptText({ pairing, code, publicKey, sealKey })).digest()))
  for (;;) {
    const outcome = await door.post('/pair/result', { claim, wait: true }, pairOutcomeSchema)
    if (outcome.state === 'done') return outcome
    if (outcome.state !== 'claimed') throw new MeshError('PAIRING_REFUSED', { detail: whyNot[outcome.state] })
  }
}

const whyNot: Record<Exclude<PairOutcome['state'], 'done' | 'claimed'>, string> = {
  denied: 'it was refused on the other screen, or wrong digits were entered there',
  cancelled: 'it was cancelled on the other screen',
  expired: 'the digits were not entered in time',
  waiting: 'the code was not taken',
}
