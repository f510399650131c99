/** Joins by the device authorization grant (RFC 8628): a person approves in any browser that is signed in. */
import { MeshError } from '@meshbook/core/errors.ts'
import { deviceGrantSchema, deviceTokenSchema, type Newcomer } from '@meshbook/core/pairing-api.ts'
import type { HubDoor } from './hub-door.ts'

const client = { client_id: 'meshbook' }

export interface GrantShown {
  userCode: string
  url: string
  /** With the code in it. */
  completeUrl: string
}

export async function joinByGrant(
  door: HubDoor,
  { name, kind, publicKey, sealKey, sealProof }: Newcomer,
  show: (grant: GrantShown) => void,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  const keys = { public_key: publicKey, seal_key: sealKey, seal_proof: sealProof }
  const grant = await door.form('/auth/device', { ...client, name, kind, ...keys }, deviceGrantSchema)
  if ('error' in grant) throw new MeshError('PAIRING_REFUSED', { detail: grant.about })
  show({ userCode: grant.user_code, url: grant.verification_uri, completeUrl: grant.verification_uri_complete })
  const ask = { ...client, grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: grant.device_code }
  for (let waitMs = grant.interval * 1_000; ; ) {
    await sleep(waitMs)
    const answer = await door.form('/auth/device/token', ask, deviceTokenSchema).catch(orPending)
    if (!('error' in answer)) return
    if (answer.error === 'slow_down') waitMs += 5_000
    else if (answer.error !== 'authorization_pending')
      throw new MeshError('PAIRING_REFUSED', { detail: whyNot[answer.error] ?? answer.about })
  }
}

/** A hub that is out of reach for a moment is asked again. */
function orPending(error: unknown): { error: string; about: string } {
  if (error instanceof MeshError && error.entry.retry === 'backoff')
    return { error: 'authorization_pending', about: '' }
  throw error
}

const whyNot: Record<string, string> = {
  access_denied: 'it was refused in the browser',
  expired_token: 'nobody approved it in time',
}
