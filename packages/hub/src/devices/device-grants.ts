/**
 * Devices that ask by themselves (DG1…, LR1…): one without a browser by the device authorization grant (RFC 8628), one
 * with a browser by a redirect to loopback with PKCE (RFC 8252). A signed-in person approves either.
 */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { joinProofText, newPairingCode, pairingUrl, readPairingCode, shownCode } from '@meshbook/core/pairing.ts'
import type { AuthorizeDevice, DeviceRequest, Newcomer } from '@meshbook/core/pairing-api.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { AuditSource } from '../auth/audit.ts'
import type { Principal } from '../auth/principal.ts'
import { deviceCommandToken } from '../auth/sign-in.ts'
import type { Parts } from '../parts.ts'
import type { GrantRow } from '../store/device-grants.ts'
import { fingerprint, isSignedBy, provenDevice } from './device-keys.ts'
import { showDevice } from './registration.ts'

type GrantParts = Pick<Parts, 'store' | 'audit' | 'fleet' | 'now' | 'random'>

/** The answer of the device authorization endpoint, in the words of RFC 8628. */
export async function startGrant({ store, now, random }: GrantParts, newcomer: Newcomer, hub: string): Promise<object> {
  provenDevice(newcomer)
  const deviceCode = newSecret(random)
  const userCode = newPairingCode(random)
  const at = now()
  await store.call('newGrant', {
    ...newcomer,
    org: '',
    user: '',
    codeHash: hashSecret(deviceCode),
    userCodeHash: hashSecret(userCode),
    state: 'pending',
    now: at,
    expiresAt: at + limits.deviceGrantMs,
    redirectUri: null,
    challenge: null,
  })
  return {
    device_code: deviceCode,
    user_code: shownCode(userCode),
    verification_uri: `${hub}/pair`,
    verification_uri_complete: pairingUrl(hub, 'grant', userCode),
    expires_in: limits.deviceGrantMs / 1_000,
    interval: limits.deviceGrantPollMs / 1_000,
  }
}

export async function findRequest({ store, now }: GrantParts, userCode: string): Promise<DeviceRequest> {
  const grant = await store.query('findGrant', { userCodeHash: hashOf(userCode), now: now() })
  if (!grant) throw new MeshError('PAIRING_CODE')
  const { name, kind, publicKey, createdAt, expiresAt } = grant
  return { name, kind, fingerprint: fingerprint(publicKey), requestedAt: createdAt, expiresAt }
}

export async function decide(
  { store, audit, fleet, now }: GrantParts,
  source: AuditSource & { who: Principal },
  userCode: string,
  approve: boolean,
): Promise<void> {
  const userCodeHash = hashOf(userCode)
  const grant = await store.query('findGrant', { userCodeHash, now: now() })
  const device = grant && approve ? provenDevice(grant) : null
  if (!grant) throw new MeshError('PAIRING_CODE')
  const { org, user } = source.who
  const detail = { name: grant.name, kind: grant.kind, by: 'device grant' }
  const note = audit.note(approve ? 'device-added' : 'pairing-denied', source, {
    detail,
    ...(device && { target: device }),
  })
  if (!(await audit.call('decideGrant', { org, user, userCodeHash, device, now: now() }, note)))
    throw new MeshError('PAIRING_CODE')
  if (device) await showDevice({ store, fleet }, device)
}

function hashOf(userCode: string): string {
  const code = readPairingCode(userCode)
  if (!code) throw new MeshError('PAIRING_CODE')
  return hashSecret(code)
}

/** The code of the redirect is for the program that made the challenge and has the key; the device is added when it shows both. */
export async function authorize(
  { store, now, random }: GrantParts,
  who: Principal,
  { state, codeChallenge, ...asked }: AuthorizeDevice,
): Promise<{ redirect: string }> {
  provenDevice(asked)
  const code = newSecret(random)
  await store.call('newGrant', {
    ...asked,
    org: who.org,
    user: who.user,
    codeHash: hashSecret(code),
    userCodeHash: null,
    state: 'approved',
    now: now(),
    expiresAt: now() + limits.redirectCodeMs,
    challenge: codeChallenge,
  })
  return { redirect: `${asked.redirectUri}?code=${code}&state=${state}` }
}

/** Answers of the token endpoint: a device with a token for its commands, or an error in the words of the RFC. */
export type Granted = { device: DeviceId; token: string } | { error: string; about?: string }

export async function pollForGrant(parts: GrantParts, deviceCode: string): Promise<Granted> {
  const poll = await parts.store.call('pollGrant', { codeHash: hashSecret(deviceCode), now: parts.now() })
  return poll.answer === 'approved' ? granted(parts, poll.grant) : { error: poll.answer }
}

/** `source`: over which request it is shown. */
export interface Redeem {
  source: AuditSource
  code: string
  redirectUri: string
  verifier: string
  proof: string
  host: string
}

export async function redeem(parts: GrantParts, shown: Redeem): Promise<Granted> {
  const { store, audit, fleet, now } = parts
  const grant = await store.call('takeRedirect', { codeHash: hashSecret(shown.code), now: now() })
  if (!grant) return { error: 'invalid_grant', about: 'the code is not known, has been used or has expired' }
  if (grant.redirectUri !== shown.redirectUri || grant.challenge !== challengeOf(shown.verifier))
    return { error: 'invalid_grant', about: 'the verifier or the address is not the one of the request' }
  if (!isSignedBy(grant.publicKey, joinProofText(shown.host, shown.code, shown.verifier), shown.proof))
    return { error: 'invalid_grant', about: 'the proof is not signed by the device' }
  const device = provenDevice(grant)
  const detail = { name: grant.name, kind: grant.kind, by: 'redirect' }
  const note = audit.note('device-added', shown.source, { target: device, detail })
  await store.call('admitGrant', { grant, device, note, now: now() })
  await showDevice({ store, fleet }, device)
  return granted(parts, grant)
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

async function granted(parts: GrantParts, grant: GrantRow): Promise<Granted> {
  const device = provenDevice(grant)
  const { org, user, name } = grant as GrantRow & { org: OrgId; user: UserId }
  return { device, token: await deviceCommandToken(parts, { org, user, id: device, name }) }
}
