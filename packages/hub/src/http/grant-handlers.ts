/**
 * Handlers of the device authorization grant and the loopback redirect. The endpoints that programs call speak the words
 * of RFC 6749 and 8628: form bodies in, JSON out, and errors by the names of the RFCs.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import {
  type AuthorizeDevice,
  type decideDeviceSchema,
  newcomerSchema,
  type userCodeSchema,
} from '@meshbook/core/pairing-api.ts'
import * as v from 'valibot'
import { deviceCommandToken } from '../auth/sign-in.ts'
import {
  authorize,
  decide,
  findRequest,
  type Granted,
  pollForGrant,
  redeem,
  startGrant,
} from '../devices/device-grants.ts'
import type { Parts } from '../parts.ts'
import type { PairingTries } from './pairing-handlers.ts'
import { type Ask, json, type UserAsk } from './route.ts'
import { shownOrigin } from './shown-origin.ts'

type Form = URLSearchParams
const clientId = 'meshbook'
const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code'

export async function deviceAuthorization(parts: Parts, { body, visit }: Ask<Form>): Promise<Response> {
  const problem = wrongForm(body)
  if (problem) return oauthError(problem)
  const newcomer = v.safeParse(newcomerSchema, {
    name: body.get('name'),
    kind: body.get('kind'),
    publicKey: body.get('public_key'),
    sealKey: body.get('seal_key'),
    sealProof: body.get('seal_proof'),
  })
  if (!newcomer.success) return oauthError({ error: 'invalid_request', about: explainIssues(newcomer.issues) })
  try {
    return json(await startGrant(parts, newcomer.output, shownOrigin(parts, visit)))
  } catch (thrown) {
    return orOauthError(thrown)
  }
}

export async function deviceToken(parts: Parts, ask: Ask<Form>): Promise<Response> {
  const { body } = ask
  const problem = wrongForm(body)
  if (problem) return oauthError(problem)
  try {
    const granted = await grantOf(parts, ask)
    if ('error' in granted) return oauthError(granted)
    return json({ access_token: granted.token, token_type: 'Bearer', device: granted.device })
  } catch (thrown) {
    return orOauthError(thrown)
  }
}

async function grantOf(parts: Parts, { body, visit, requestId }: Ask<Form>): Promise<Granted> {
  const value = (name: string): string => (body.get(name) ?? '').slice(0, 300)
  switch (body.get('grant_type')) {
    case deviceGrantType:
      if (!body.get('device_code')) return { error: 'invalid_request', about: 'device_code is missing' }
      return pollForGrant(parts, value('device_code'))
    case 'authorization_code':
      for (const name of ['code', 'redirect_uri', 'code_verifier', 'proof'])
        if (!body.get(name)) return { error: 'invalid_request', about: `${name} is missing` }
      return redeem(parts, {
        code: value('code'),
        redirectUri: value('redirect_uri'),
        verifier: value('code_verifier'),
        proof: value('proof'),
        host: visit.host,
        source: { visit, requestId },
      })
    case null:
      return { error: 'invalid_request', about: 'grant_type is missing' }
    default:
      return { error: 'unsupported_grant_type' }
  }
}

/** A parameter that comes twice is refused (RFC 6749, 3.2). */
function wrongForm(body: Form): { error: string; about?: string } | undefined {
  const names = [...body.keys()]
  if (new Set(names).size < names.length) return { error: 'invalid_request', about: 'a parameter comes twice' }
  const client = body.get('client_id')
  if (client === null) return { error: 'invalid_request', about: 'client_id is missing' }
  return client === clientId ? undefined : { error: 'invalid_client' }
}

function oauthError({ error, about }: { error: string; about?: string }): Response {
  return json(
    { error, ...(about === undefined ? {} : { error_description: about }) },
    error === 'invalid_client' ? 401 : 400,
  )
}

/** What the caller did wrong, in the words of the RFC; everything else is a problem like everywhere. */
function orOauthError(thrown: unknown): Response {
  const error = asMeshError(thrown)
  if ((error.entry.http ?? 500) >= 500 || error.code === 'SLOW_DOWN') throw error
  return oauthError({ error: error.code === 'BAD_REQUEST' ? 'invalid_request' : 'access_denied', about: error.message })
}

export function findDeviceRequest(
  parts: Parts,
  tries: PairingTries,
  { body, visit }: UserAsk<v.InferOutput<typeof userCodeSchema>>,
): Promise<object> {
  tries.count(visit.address)
  return findRequest(parts, body.userCode)
}

export function decideDeviceRequest(
  parts: Parts,
  tries: PairingTries,
  ask: UserAsk<v.InferOutput<typeof decideDeviceSchema>>,
): Promise<void> {
  tries.count(ask.visit.address)
  return decide(parts, ask, ask.body.userCode, ask.body.approve)
}

export function authorizeDevice(parts: Parts, { body, who }: UserAsk<AuthorizeDevice>): Promise<object> {
  return authorize(parts, who, body)
}

/** The token of a device's own commands, for who has just proved to be that device. */
export async function ownToken(parts: Parts, { who }: UserAsk<undefined>): Promise<object> {
  const { credential, org, user } = who
  if (credential.kind !== 'device') throw new MeshError('FORBIDDEN', { detail: 'only a device has a token of its own' })
  const device = await parts.store.query('findDevice', { id: credential.id })
  if (!device) throw new MeshError('NOT_FOUND')
  return { token: await deviceCommandToken(parts, { org, user, id: device.id, name: device.name }) }
}
