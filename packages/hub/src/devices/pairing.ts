/**
 * Pairing by a code (PR1…): a screen that is signed in shows it, a new device shows it back with its keys, and the two
 * digits that the new device shows are entered where the code came from.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, newId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { newPairingCode, pairingUrl, readPairingCode, shownCode } from '@meshbook/core/pairing.ts'
import type { claimPairingSchema, Pairing, PairOutcome } from '@meshbook/core/pairing-api.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { InferOutput } from 'valibot'
import type { AuditSource } from '../auth/audit.ts'
import { credentialKey, type Principal } from '../auth/principal.ts'
import type { Parts } from '../parts.ts'
import type { PairingRow } from '../store/pairings.ts'
import { fingerprint, provenDevice } from './device-keys.ts'
import { showDevice } from './registration.ts'

type PairingParts = Pick<Parts, 'store' | 'audit' | 'fleet' | 'now' | 'random'>

export async function startPairing(
  { store, now, random }: PairingParts,
  who: Principal,
  hub: string,
): Promise<Pairing> {
  const code = newPairingCode(random)
  const at = now()
  const id = newId('pairing', at, random)
  const expiresAt = at + limits.pairingMs
  const issuer = credentialKey(who.credential)
  await store.call('newPairing', {
    org: who.org,
    user: who.user,
    id,
    codeHash: hashSecret(code),
    issuer,
    now: at,
    expiresAt,
  })
  const shown = { code: shownCode(code), url: pairingUrl(hub, 'code', code) }
  return {
    id,
    state: 'waiting',
    expiresAt,
    ...shown,
    newcomer: null,
    triesLeft: limits.pairingDigitTries,
    device: null,
  }
}

/** Whoever is first with the code has it: a second one is told that it is not valid. */
export async function claim(
  { store, now, random }: PairingParts,
  shown: InferOutput<typeof claimPairingSchema>,
): Promise<{ pairing: string; claim: string; expiresAt: number }> {
  const code = readPairingCode(shown.code)
  if (shown.as === 'device') provenDevice(shown)
  const secret = newSecret(random)
  const row =
    code &&
    (await store.call('claimPairing', {
      code,
      codeHash: hashSecret(code),
      claimHash: hashSecret(secret),
      name: shown.name,
      kind: shown.as === 'device' ? shown.kind : 'browser',
      publicKey: shown.publicKey,
      sealKey: shown.as === 'device' ? shown.sealKey : null,
      sealProof: shown.as === 'device' ? shown.sealProof : null,
      now: now(),
    }))
  if (!row) throw new MeshError('PAIRING_CODE')
  return { pairing: row.id, claim: secret, expiresAt: row.expiresAt }
}

export async function confirm(
  { store, audit, fleet, now }: PairingParts,
  source: AuditSource & { who: Principal },
  id: string,
  digits: string,
): Promise<Pairing> {
  const { who } = source
  const known = await found(store, who, id)
  const device = newDeviceOf(known)
  const about = { detail: { name: known.name, kind: known.kind, by: 'code' }, ...(device && { target: device }) }
  const notes = {
    added: audit.note('device-added', source, about),
    denied: audit.note('pairing-denied', source, about),
  }
  const row = await store.call('confirmPairing', {
    org: who.org,
    user: who.user,
    id,
    digits,
    device,
    notes,
    now: now(),
  })
  if (!row) throw new MeshError('NOT_FOUND', { detail: `pairing ${id}` })
  if (row.state === 'done' && row.device) await showDevice({ store, fleet }, row.device)
  const shown = shownPairing(row, now())
  if (shown.state === 'claimed')
    throw new MeshError('PAIRING_DIGITS', {
      detail: `${shown.triesLeft} more ${shown.triesLeft === 1 ? 'try' : 'tries'}`,
    })
  return shown
}

function newDeviceOf({ publicKey, sealKey, sealProof }: PairingRow): DeviceId | null {
  return publicKey && sealKey && sealProof ? provenDevice({ publicKey, sealKey, sealProof }) : null
}

export async function found(store: Parts['store'], who: Principal, id: string): Promise<PairingRow> {
  const row = await store.query('findPairing', { org: who.org, user: who.user, id })
  if (!row) throw new MeshError('NOT_FOUND', { detail: `pairing ${id}` })
  return row
}

/** What the screen that pairs sees: never the digits. */
export function shownPairing(row: PairingRow, now: number): Pairing {
  const { id, expiresAt, name, kind, publicKey, digitTries, device } = row
  const newcomer = name && kind && publicKey ? { name, kind, fingerprint: fingerprint(publicKey) } : null
  const triesLeft = Math.max(0, limits.pairingDigitTries - digitTries)
  return { id, state: stateOf(row, now), expiresAt, newcomer, triesLeft, device }
}

export function outcomeOf(row: PairingRow, now: number): PairOutcome {
  return { state: stateOf(row, now), user: row.userName, device: row.device }
}

function stateOf({ state, expiresAt }: PairingRow, now: number): Pairing['state'] {
  if (state === 'taken') return 'done'
  return (state === 'waiting' || state === 'claimed') && expiresAt <= now ? 'expired' : state
}
