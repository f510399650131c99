/** The browser's own dialogs for passkeys, between two requests to the hub. Knows no page. */
import {
  browserSupportsWebAuthn,
  browserSupportsWebAuthnAutofill,
  startAuthentication,
  startRegistration,
  WebAuthnAbortService,
} from '@simplewebauthn/browser'
import { accountApi } from '../api/account.ts'
import { errorWithWords } from '../api/error-texts.ts'

type CreationOptions = Parameters<typeof startRegistration>[0]['optionsJSON']
type RequestOptions = Parameters<typeof startAuthentication>[0]['optionsJSON']

export interface PasskeySupport {
  here: boolean
  /** The browser can offer passkeys in the list under a field. */
  inList: boolean
}

export async function passkeySupport(): Promise<PasskeySupport> {
  return { here: browserSupportsWebAuthn(), inList: await browserSupportsWebAuthnAutofill() }
}

export async function signInWithPasskey(how: 'dialog' | 'list'): Promise<void> {
  const optionsJSON = (await accountApi.signInOptions()) as unknown as RequestOptions
  const used = await asked(() => startAuthentication({ optionsJSON, useBrowserAutofill: how === 'list' }))
  await accountApi.signInWithPasskey(used)
}

/** Ends what the browser still asks; a page that goes away must not leave it open. */
export function stopAsking(): void {
  WebAuthnAbortService.cancelCeremony()
}

export async function addPasskey(name: string): Promise<void> {
  const optionsJSON = (await accountApi.passkeyOptions()) as unknown as CreationOptions
  const made = await asked(() => startRegistration({ optionsJSON }))
  await accountApi.addPasskey(name, made)
}

export async function signUpWithPasskey(invitation: string, name: string): Promise<void> {
  const optionsJSON = (await accountApi.signUpOptions(invitation, name)) as unknown as CreationOptions
  const made = await asked(() => startRegistration({ optionsJSON }))
  await accountApi.signUp(invitation, made)
}

/** The person closed the dialog, or the page asked something else: nothing went wrong. */
export class NotAnswered extends Error {}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (thrown) {
    const name = thrown instanceof Error ? thrown.name : ''
    if (name === 'NotAllowedError' || name === 'AbortError') throw new NotAnswered('', { cause: thrown })
    if (name === 'InvalidStateError')
      throw await errorWithWords(
        'PASSKEY_REFUSED',
        'This device has a passkey for your account already.',
        'Use the one that is there.',
      )
    throw await errorWithWords('PASSKEY_REFUSED', thrown instanceof Error ? thrown.message : String(thrown))
  }
}
