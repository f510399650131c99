/** The routes by which devices come to belong to a user. */
import {
  authorizeDeviceSchema,
  authorizedSchema,
  claimedSchema,
  claimPairingSchema,
  confirmPairingSchema,
  decideDeviceSchema,
  deviceGrantSchema,
  deviceRequestSchema,
  deviceTokenSchema,
  ownTokenSchema,
  pairingSchema,
  pairOutcomeSchema,
  pairResultSchema,
  userCodeSchema,
} from '@meshbook/core/pairing-api.ts'
import type { Parts } from '../parts.ts'
import {
  authorizeDevice,
  decideDeviceRequest,
  deviceAuthorization,
  deviceToken,
  findDeviceRequest,
  ownToken,
} from './grant-handlers.ts'
import {
  cancelPairing,
  confirmPairing,
  getPairing,
  newPairing,
  PairingTries,
  pair,
  pairResult,
} from './pairing-handlers.ts'
import { formRoute, publicRoute, type Route, userRoute } from './route.ts'

export function pairingRoutes(parts: Parts): Route[] {
  const tries = new PairingTries(parts)
  const v1 = '/api/v1'
  return [
    userRoute({
      method: 'POST',
      path: `${v1}/pairings`,
      scope: 'all',
      summary: 'Make a code that pairs one device; it is shown once',
      answer: pairingSchema,
      status: 201,
      handle: ask => newPairing(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${v1}/pairings/:id`,
      scope: 'all',
      summary: 'How a pairing stands',
      query: { seen: 'a state: the answer waits up to 20 s for another one' },
      answer: pairingSchema,
      handle: ask => getPairing(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/pairings/:id/confirm`,
      scope: 'all',
      summary: 'Add the new device, by the two digits that it shows',
      body: confirmPairingSchema,
      answer: pairingSchema,
      handle: ask => confirmPairing(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${v1}/pairings/:id`,
      scope: 'all',
      summary: 'Cancel a pairing',
      query: { denied: 'present: the new device is told that it was refused' },
      handle: ask => cancelPairing(parts, ask),
    }),
    publicRoute({
      method: 'POST',
      path: `${v1}/pair`,
      summary: 'Show a pairing code, as a new device or browser',
      body: claimPairingSchema,
      answer: claimedSchema,
      status: 201,
      handle: ask => pair(parts, tries, ask),
    }),
    publicRoute({
      method: 'POST',
      path: `${v1}/pair/result`,
      summary: 'How the pairing of this device went; signs a browser in',
      body: pairResultSchema,
      answer: pairOutcomeSchema,
      handle: ask => pairResult(parts, ask),
    }),

    formRoute({
      path: `${v1}/auth/device`,
      summary: 'Device authorization (RFC 8628): client_id, name, kind, public_key, seal_key, seal_proof',
      tries: 'limited',
      answer: deviceGrantSchema,
      handle: ask => deviceAuthorization(parts, ask),
    }),
    formRoute({
      path: `${v1}/auth/device/token`,
      summary: 'The token endpoint of device_code and authorization_code grants',
      answer: deviceTokenSchema,
      handle: ask => deviceToken(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/auth/device/find`,
      scope: 'all',
      summary: 'The device that waits under a user code',
      body: userCodeSchema,
      answer: deviceRequestSchema,
      handle: ask => findDeviceRequest(parts, tries, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/auth/device/decide`,
      scope: 'all',
      summary: 'Add the device that waits under a user code, or refuse it',
      body: decideDeviceSchema,
      handle: ask => decideDeviceRequest(parts, tries, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/auth/device/authorize`,
      scope: 'all',
      summary: 'Let a program on this machine add its device (RFC 8252)',
      body: authorizeDeviceSchema,
      answer: authorizedSchema,
      handle: ask => authorizeDevice(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/devices/self/token`,
      scope: 'all',
      devices: true,
      summary: 'A token for the commands of the device that asks; the one before is void',
      answer: ownTokenSchema,
      handle: ask => ownToken(parts, ask),
    }),
  ]
}
