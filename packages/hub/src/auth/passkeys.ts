/**
 * Passkeys: made while signed in or by invitation, used to sign in, listed, renamed, removed. The library checks what an
 * authenticator signed; this file decides which challenge, domain, origin and counter it must be for (AU20 and on).
 */
import type { PasskeyInfo, PasskeyMade, PasskeyUsed } from '@meshbook/core/account-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, type PasskeyId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import { hashSecret } from '@meshbook/relay/serve/secrets.ts'
import type { PublicKeyCredentialCreationOptionsJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import * as v from 'valibot'
import type { Log } from '../log.ts'
import type { NewPasskey } from '../store/passkeys.ts'
import { type Accounts, type AccountsPorts, type Knock, type Own, requireBrowser } from './accounts.ts'
import { passkeyDomain } from './passkey-domain.ts'
import type { Principal } from './principal.ts'
import { browserSessionOf, newBrowserSession, requireSafe, signInNote } from './sign-in.ts'

/** Loaded when the first passkey is: it takes a quarter of a second, which no start of a hub should wait for. */
const webauthn = () => import('@simplewebauthn/server')
type WebAuthn = Awaited<ReturnType<typeof webauthn>>

type PasskeyPorts = Pick<AccountsPorts, 'store' | 'audit' | 'now' | 'random'> & { accounts: Accounts; log: Log }

const clientDataSchema = v.object({ challenge: v.pipe(v.string(), v.maxLength(200)) })

export class Passkeys {
  readonly #ports: PasskeyPorts
  readonly #tries: RateLimiter

  constructor(ports: PasskeyPorts) {
    this.#ports = ports
    this.#tries = new RateLimiter(limits.authTriesPerMinute, ports.now)
  }

  async signInOptions(visit: Visit): Promise<object> {
    const domain = domainOf(visit)
    const challenge = await this.#newChallenge('passkey sign-in')
    return (await webauthn()).generateAuthenticationOptions({
      rpID: domain,
      challenge,
      userVerification: 'required',
      timeout: limits.signInAttemptMs,
    })
  }

  /** Returns the Set-Cookie header of the new browser session. */
  async signIn(knock: Knock, used: PasskeyUsed): Promise<string> {
    const domain = domainOf(knock.visit)
    const challenge = await this.#spendChallenge(used, 'passkey sign-in')
    const passkey = await this.#ports.store.query('findPasskey', { credential: used.id })
    if (passkey?.domain !== domain) throw this.#refused('no such passkey')
    this.#tries.count(passkey.user)
    const { userHandle } = used.response
    if (userHandle !== undefined && Buffer.from(userHandle, 'base64url').toString() !== passkey.user)
      throw this.#refused('the passkey is of another user')
    const { authenticationInfo } = await this.#verified(async ({ verifyAuthenticationResponse }) =>
      verifyAuthenticationResponse({
        response: used as Parameters<WebAuthn['verifyAuthenticationResponse']>[0]['response'],
        expectedChallenge: challenge,
        expectedOrigin: knock.visit.origin,
        expectedRPID: domain,
        requireUserVerification: true,
        credential: {
          id: used.id,
          publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
          counter: passkey.counter,
        },
      }),
    )
    const previous = browserSessionOf(knock.visit, knock.headers)
    const { session, cookie } = newBrowserSession(this.#ports, knock, previous)
    const { org, user, name, id } = passkey
    const counter = authenticationInfo.newCounter
    const { audit } = this.#ports
    const note = signInNote(audit, knock, session, 'passkey')
    const done = await audit.call('signInWithPasskey', { org, user, name, id, counter, session }, note)
    if (!done) throw this.#refused('it was removed, or its counter did not grow')
    this.#ports.accounts.closeSessions(done.ended)
    return cookie
  }

  async addOptions(who: Principal, visit: Visit): Promise<PublicKeyCredentialCreationOptionsJSON> {
    requireBrowser(who)
    const domain = domainOf(visit)
    this.#tries.count(who.user)
    const known = await this.#ports.store.query('listPasskeys', { org: who.org, user: who.user })
    const options = await this.#creationOptions(domain, who.user, who.name, `passkey of ${who.user}`)
    const here = known.filter(passkey => passkey.domain === domain)
    return {
      ...options,
      excludeCredentials: here.map(({ credential }) => ({ id: credential, type: 'public-key' as const })),
    }
  }

  async add(own: Own & { visit: Visit }, name: string, made: PasskeyMade): Promise<PasskeyInfo> {
    const { who, visit } = own
    requireBrowser(who)
    const passkey = await this.#made(visit, made, name, `passkey of ${who.user}`)
    const { audit, now } = this.#ports
    const at = now()
    const { id, domain, synced } = passkey
    const note = audit.note('passkey-added', own, { target: id, detail: { name, domain } })
    await audit.call('addPasskey', { org: who.org, user: who.user, passkey, now: at }, note)
    return { id, name, domain, synced, createdAt: at, lastUsedAt: null }
  }

  /** For who has an invitation and no account. The name is shown by authenticators; the hub decides at the end. */
  async signUpOptions(visit: Visit, invitation: string, name: string): Promise<object> {
    requireSafe(visit)
    const domain = domainOf(visit)
    const hash = hashSecret(invitation)
    if (!(await this.#ports.store.query('isInvited', { hash, now: this.#ports.now() })))
      throw new MeshError('INVITATION_VOID')
    const account = this.#ports.accounts.newAccount(name)
    return this.#creationOptions(domain, account.user, account.name, `invitation ${hash}`, account)
  }

  async signUp(knock: Knock, invitation: string, made: PasskeyMade): Promise<string> {
    const hash = hashSecret(invitation)
    const { account, passkey } = await this.#madeFor(knock.visit, made, 'Passkey', `invitation ${hash}`)
    if (!account) throw this.#refused('the challenge is not for a new account')
    const previous = browserSessionOf(knock.visit, knock.headers)
    const { session, cookie } = newBrowserSession(this.#ports, knock, previous)
    const { audit } = this.#ports
    const note = signInNote(audit, knock, session, 'passkey')
    const done = await audit.call('signUpWithPasskey', { account, invitation: hash, passkey, session }, note)
    this.#ports.accounts.closeSessions(done.ended)
    return cookie
  }

  async list(who: Principal): Promise<PasskeyInfo[]> {
    const rows = await this.#ports.store.query('listPasskeys', { org: who.org, user: who.user })
    return rows.map(({ credential: _, transports: __, ...passkey }) => passkey)
  }

  async rename(who: Principal, id: PasskeyId, name: string): Promise<void> {
    const known = await this.#ports.store.call('renamePasskey', { org: who.org, user: who.user, id, name })
    if (!known) throw new MeshError('NOT_FOUND', { detail: `passkey ${id}` })
  }

  async remove(own: Own, id: PasskeyId): Promise<void> {
    const { accounts, audit } = this.#ports
    const { org, user } = own.who
    const note = audit.note('passkey-removed', own, { target: id })
    const known = await audit.call('removePasskey', { org, user, id, accepted: accounts.accepted() }, note)
    if (!known) throw new MeshError('NOT_FOUND', { detail: `passkey ${id}` })
  }

  async #creationOptions(
    domain: string,
    user: string,
    name: string,
    purpose: string,
    account: NewAccountData | null = null,
  ): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const challenge = await this.#newChallenge(purpose, account)
    return (await webauthn()).generateRegistrationOptions({
      rpName: 'Meshbook',
      rpID: domain,
      userName: name,
      userID: new TextEncoder().encode(user),
      challenge,
      attestationType: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      timeout: limits.signInAttemptMs,
    })
  }

  async #made(visit: Visit, made: PasskeyMade, name: string, purpose: string): Promise<NewPasskey> {
    return (await this.#madeFor(visit, made, name, purpose)).passkey
  }

  async #madeFor(
    visit: Visit,
    made: PasskeyMade,
    name: string,
    purpose: string,
  ): Promise<{ passkey: NewPasskey; account: NewAccountData | null }> {
    const domain = domainOf(visit)
    const { challenge, account } = await this.#spend(made, purpose)
    const { registrationInfo } = await this.#verified(async ({ verifyRegistrationResponse }) => {
      const result = await verifyRegistrationResponse({
        response: made as RegistrationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: visit.origin,
        expectedRPID: domain,
        requireUserVerification: true,
      })
      return result.verified ? result : { verified: false as const, registrationInfo: undefined }
    })
    if (!registrationInfo) throw this.#refused('it could not be verified')
    const { credential, credentialBackedUp } = registrationInfo
    const passkey: NewPasskey = {
      id: newId('passkey', this.#ports.now(), this.#ports.random),
      credential: credential.id,
      publicKey: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      transports: made.response.transports ?? [],
      domain,
      synced: credentialBackedUp,
      name,
    }
    return { passkey, account }
  }

  async #newChallenge(purpose: string, account: NewAccountData | null = null): Promise<Uint8Array<ArrayBuffer>> {
    const { store, now, random } = this.#ports
    const challenge = new Uint8Array(random(32))
    const at = now()
    await store.call('beginAttempt', {
      org: '',
      hash: hashSecret(Buffer.from(challenge).toString('base64url')),
      purpose,
      data: JSON.stringify(account),
      now: at,
      expiresAt: at + limits.signInAttemptMs,
    })
    return challenge
  }

  async #spendChallenge(answer: PasskeyUsed, purpose: string): Promise<string> {
    return (await this.#spend(answer, purpose)).challenge
  }

  /** The challenge that was signed, if this hub gave it out for this purpose and nobody has used it (AU21). */
  async #spend(
    answer: PasskeyUsed | PasskeyMade,
    purpose: string,
  ): Promise<{ challenge: string; account: NewAccountData | null }> {
    const challenge = challengeIn(answer.response.clientDataJSON)
    if (challenge === undefined) throw this.#refused('there is no challenge in it')
    const { store, now } = this.#ports
    const taken = await store.call('takeAttempt', { org: '', hash: hashSecret(challenge), purpose, now: now() })
    if (taken === null) throw this.#refused('the challenge is not known, has expired or was used')
    return { challenge, account: JSON.parse(taken) as NewAccountData | null }
  }

  async #verified<T extends { verified: boolean }>(verify: (library: WebAuthn) => Promise<T>): Promise<T> {
    const result = await verify(await webauthn()).catch((error: unknown) => {
      throw this.#refused(error instanceof Error ? error.message : String(error))
    })
    if (!result.verified) throw this.#refused('the signature is not good')
    return result
  }

  /** The person gets one answer for all (AU23); the log has the reason. */
  #refused(reason: string): MeshError {
    this.#ports.log.info({ reason: reason.slice(0, 200) }, 'a passkey was refused')
    return new MeshError('PASSKEY_REFUSED')
  }
}

type NewAccountData = ReturnType<Accounts['newAccount']>

function challengeIn(clientDataJson: string): string | undefined {
  try {
    const parsed = v.safeParse(clientDataSchema, JSON.parse(Buffer.from(clientDataJson, 'base64url').toString()))
    return parsed.success ? parsed.output.challenge : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function domainOf(visit: Visit): string {
  requireSafe(visit)
  const domain = passkeyDomain(visit)
  if (domain === null)
    throw new MeshError('PASSKEY_REFUSED', { detail: 'browsers make no passkeys for an address that is a number' })
  return domain
}
