/** Shapes of the HTTP API by which devices come to belong to a user, for the hub's handlers and every client. */
import * as v from 'valibot'
import { deviceIdSchema, deviceKindSchema, nameSchema } from './messages.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const secret = v.pipe(v.string(), v.regex(/^[\w-]{20,100}$/))
/** Raw Ed25519, base64url. */
export const publicKeySchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/))
const signatureSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{86}$/))
/** An X25519 recipient of age. */
export const sealKeySchema = v.pipe(v.string(), v.regex(/^age1[02-9ac-hj-np-z]{58}$/))

/** The public side of a device, and how it shows that both keys are its own. */
export const deviceKeysSchema = v.object({
  publicKey: publicKeySchema,
  sealKey: sealKeySchema,
  /** Signature of `sealProofText`. */
  sealProof: signatureSchema,
})
export type DeviceKeys = v.InferOutput<typeof deviceKeysSchema>

export const newcomerSchema = v.object({ ...deviceKeysSchema.entries, name: nameSchema, kind: deviceKindSchema })
export type Newcomer = v.InferOutput<typeof newcomerSchema>

export const pairingStates = ['waiting', 'claimed', 'done', 'denied', 'cancelled', 'expired'] as const
/** `POST /pairings` and `GET /pairings/:id`, for the screen that pairs. It never holds the digits: they are read off the new device. */
export const pairingSchema = v.object({
  id: v.string(),
  state: v.picklist(pairingStates),
  expiresAt: ms,
  /** Only in the answer that makes it. */
  code: v.optional(v.string()),
  url: v.optional(v.string()),
  newcomer: v.nullable(
    v.object({
      name: nameSchema,
      kind: v.picklist(['desktop', 'phone', 'server', 'worker', 'browser']),
      fingerprint: v.string(),
    }),
  ),
  triesLeft: ms,
  device: v.nullable(deviceIdSchema),
})
export type Pairing = v.InferOutput<typeof pairingSchema>
/** `POST /pairings/:id/confirm`: the two digits that the new device shows. */
export const confirmPairingSchema = v.object({ digits: v.pipe(v.string(), v.regex(/^\d{2}$/)) })

/** `POST /pair`: a new device, or a browser, shows the code. `publicKey` of a browser is a random value. */
export const claimPairingSchema = v.variant('as', [
  v.object({ as: v.literal('device'), code: v.pipe(v.string(), v.maxLength(200)), ...newcomerSchema.entries }),
  v.object({
    as: v.literal('browser'),
    code: v.pipe(v.string(), v.maxLength(200)),
    publicKey: publicKeySchema,
    name: nameSchema,
  }),
])
/** `claim` is the secret with which the new device asks how it went. */
export const claimedSchema = v.object({ pairing: v.string(), claim: secret, expiresAt: ms })
/** `POST /pair/result`; waits a while for a change of `seen`. */
export const pairResultSchema = v.object({ claim: secret, wait: v.optional(v.boolean()) })
export const pairOutcomeSchema = v.object({
  state: v.picklist(pairingStates),
  user: nameSchema,
  device: v.nullable(deviceIdSchema),
})
export type PairOutcome = v.InferOutput<typeof pairOutcomeSchema>

/** `POST /auth/device/find`: what a person is asked to approve. */
export const userCodeSchema = v.object({ userCode: v.pipe(v.string(), v.maxLength(200)) })
export const deviceRequestSchema = v.object({
  name: nameSchema,
  kind: deviceKindSchema,
  fingerprint: v.string(),
  requestedAt: ms,
  expiresAt: ms,
})
export type DeviceRequest = v.InferOutput<typeof deviceRequestSchema>
export const decideDeviceSchema = v.object({ ...userCodeSchema.entries, approve: v.boolean() })

/** The program that asked listens on loopback of the user's own machine (RFC 8252). */
const redirectUri = v.pipe(
  v.string(),
  v.maxLength(300),
  v.regex(/^http:\/\/(?:127\.0\.0\.1|\[::1\]):\d{1,5}\/[\w/-]*$/),
)
/** `POST /auth/device/authorize`, by the page: the user adds the device that opened it. */
export const authorizeDeviceSchema = v.object({
  ...newcomerSchema.entries,
  redirectUri,
  state: v.pipe(v.string(), v.regex(/^[\w-]{16,100}$/)),
  /** SHA-256 of the verifier, base64url: PKCE with S256 alone. */
  codeChallenge: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
})
export type AuthorizeDevice = v.InferOutput<typeof authorizeDeviceSchema>
export const authorizedSchema = v.object({ redirect: v.string() })

/** `POST /auth/device` answers in the words of RFC 8628. */
export const deviceGrantSchema = v.object({
  device_code: v.string(),
  user_code: v.string(),
  verification_uri: v.string(),
  verification_uri_complete: v.string(),
  expires_in: ms,
  interval: ms,
})
/** `POST /auth/device/token`: `access_token` serves the commands of that machine and ends with the device. */
export const deviceTokenSchema = v.object({
  access_token: v.string(),
  token_type: v.literal('Bearer'),
  device: deviceIdSchema,
})
export const oauthErrorSchema = v.object({ error: v.string(), error_description: v.optional(v.string()) })

/** `POST /devices/self/token`, by a device that proves itself. */
export const ownTokenSchema = v.object({ token: v.string() })
