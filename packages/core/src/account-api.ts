/** Shapes of the HTTP API about people: ways to sign in, identities, passkeys, browser sessions, invitations. */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { nameSchema } from './messages.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const codeSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/))
/** A page of the app to go to afterwards; the hub takes none that is not its own. */
const toSchema = v.optional(v.pipe(v.string(), v.maxLength(2 * limits.pathBytes)))

export const providers = ['oidc', 'github'] as const
export type ProviderName = (typeof providers)[number]

/** `GET /auth`: what the sign-in page offers. */
export const signInWaysSchema = v.object({
  providers: v.array(v.object({ provider: v.picklist(providers), name: nameSchema })),
  /** `here`: at this address; `at`: where else, if they cannot be used here. */
  passkeys: v.object({ here: v.boolean(), at: v.nullable(v.string()) }),
})
export type SignInWays = v.InferOutput<typeof signInWaysSchema>

/** `POST /auth/oidc` and `/auth/github` answer with the address at the provider to go to. */
export const beginSchema = v.object({ to: toSchema, invitation: v.optional(codeSchema) })
export const begunSchema = v.object({ url: v.string() })

/** `GET /identities`; `POST /identities` begins to link another. */
export const identitySchema = v.object({
  id: v.string(),
  provider: v.picklist(providers),
  providerName: v.string(),
  /** What the provider calls the person: a login, an address, a name. */
  label: v.string(),
  email: v.nullable(v.string()),
  createdAt: ms,
  lastUsedAt: ms,
})
export type IdentityInfo = v.InferOutput<typeof identitySchema>
export const linkIdentitySchema = v.object({ provider: v.picklist(providers) })

const base64url = (most: number) => v.pipe(v.string(), v.maxLength(most), v.regex(/^[A-Za-z0-9_-]*$/))
const credential = {
  id: base64url(limits.credentialIdChars),
  rawId: base64url(limits.credentialIdChars),
  type: v.literal('public-key'),
  clientExtensionResults: v.object({}),
}
const clientData = base64url(limits.passkeyAnswerChars)

/** What a browser answers when a passkey is made (WebAuthn, in JSON). */
export const passkeyMadeSchema = v.object({
  ...credential,
  response: v.object({
    clientDataJSON: clientData,
    attestationObject: base64url(limits.passkeyAnswerChars),
    transports: v.optional(v.pipe(v.array(v.pipe(v.string(), v.regex(/^[a-z-]{1,20}$/))), v.maxLength(10))),
  }),
})
export type PasskeyMade = v.InferOutput<typeof passkeyMadeSchema>

/** What a browser answers when a passkey is used. */
export const passkeyUsedSchema = v.object({
  ...credential,
  response: v.object({
    clientDataJSON: clientData,
    authenticatorData: base64url(limits.passkeyAnswerChars),
    signature: base64url(limits.passkeyAnswerChars),
    userHandle: v.optional(base64url(limits.credentialIdChars)),
  }),
})
export type PasskeyUsed = v.InferOutput<typeof passkeyUsedSchema>

/** Options for the browser's own call, as WebAuthn defines them. */
export const passkeyOptionsSchema = v.looseObject({ challenge: v.string() })

/** `POST /auth/passkey` signs in. */
export const passkeySignInSchema = v.object({ credential: passkeyUsedSchema })
/** `POST /auth/passkey/sign-up/options`, then `/auth/passkey/sign-up`: a new account by invitation. */
export const passkeySignUpOptionsSchema = v.object({ invitation: codeSchema, name: nameSchema })
export const passkeySignUpSchema = v.object({ invitation: codeSchema, credential: passkeyMadeSchema })

/** `GET /passkeys`, `POST /passkeys`, `PATCH /passkeys/:id` */
export const passkeySchema = v.object({
  id: v.string(),
  name: nameSchema,
  /** The domain that it is for. */
  domain: v.string(),
  /** It is kept by an account of its maker, and is on all devices of that account. */
  synced: v.boolean(),
  createdAt: ms,
  lastUsedAt: v.nullable(ms),
})
export type PasskeyInfo = v.InferOutput<typeof passkeySchema>
export const newPasskeySchema = v.object({ name: nameSchema, credential: passkeyMadeSchema })
export const renamePasskeySchema = v.object({ name: nameSchema })

/** `GET /browser-sessions` */
export const browserSessionSchema = v.object({
  id: v.string(),
  /** Such as "Firefox on Linux". */
  browser: v.string(),
  createdAt: ms,
  expiresAt: ms,
  /** The one that asks. */
  current: v.boolean(),
})
export type BrowserSessionInfo = v.InferOutput<typeof browserSessionSchema>

/** `GET|POST /invitations`: the link is shown once. */
export const newInvitationSchema = v.object({ note: v.optional(nameSchema) })
export const invitationSchema = v.object({
  id: v.string(),
  note: v.string(),
  link: v.optional(v.string()),
  createdAt: ms,
  expiresAt: ms,
  /** Name of the account that was made with it. */
  usedBy: v.nullable(v.string()),
})
export type InvitationInfo = v.InferOutput<typeof invitationSchema>
