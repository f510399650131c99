/** The hub's routes about devices and browsers that are to come in, typed. */
import {
  type AuthorizeDevice,
  authorizedSchema,
  claimedSchema,
  type DeviceRequest,
  deviceRequestSchema,
  type Pairing,
  type PairOutcome,
  pairingSchema,
  pairOutcomeSchema,
} from '@meshbook/core/pairing-api.ts'
import * as v from 'valibot'
import { request } from './http.ts'

const nothing = v.unknown()

export const pairingApi = {
  newPairing: (): Promise<Pairing> => request('POST', '/pairings', pairingSchema, { body: {} }),
  /** How it stands once it is no longer as it was `seen`, or after a while. */
  pairing: (id: string, seen: string, signal: AbortSignal): Promise<Pairing> =>
    request('GET', `/pairings/${id}?seen=${seen}`, pairingSchema, { signal }),
  confirmPairing: (id: string, digits: string): Promise<Pairing> =>
    request('POST', `/pairings/${id}/confirm`, pairingSchema, { body: { digits } }),
  cancelPairing: (id: string, as?: 'denied') => request('DELETE', `/pairings/${id}${as ? '?denied' : ''}`, nothing),
  /** This browser shows a code that another screen made. */
  showCode: (code: string, publicKey: string, name: string) =>
    request('POST', '/pair', claimedSchema, { body: { as: 'browser', code, publicKey, name } }),
  pairResult: (claim: string, signal: AbortSignal): Promise<PairOutcome> =>
    request('POST', '/pair/result', pairOutcomeSchema, { body: { claim, wait: true }, signal }),
  findDeviceRequest: (userCode: string): Promise<DeviceRequest> =>
    request('POST', '/auth/device/find', deviceRequestSchema, { body: { userCode } }),
  decideDevice: (userCode: string, approve: boolean) =>
    request('POST', '/auth/device/decide', nothing, { body: { userCode, approve } }),
  authorizeDevice: (body: AuthorizeDevice) => request('POST', '/auth/device/authorize', authorizedSchema, { body }),
}
