/** What the hub offers to sign in with; when that is nothing, what to do on the hub's machine. */
import type { ProviderName, SignInWays } from '@meshbook/core/account-api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { useEffect, useState } from 'preact/hooks'
import { accountApi, type Wish } from '../api/account.ts'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { Icon } from '../shell/icons.tsx'
import { signedIn } from '../state/mesh.ts'
import { NotAnswered, passkeySupport, signInWithPasskey, signUpWithPasskey, stopAsking } from './passkey-calls.ts'

interface ChoicesProps {
  ways: SignInWays
  wish: Wish
  onSignedIn: () => Promise<void>
  onError: (error: ApiError | undefined) => void
}

export function SignInChoices({ ways, wish, onSignedIn, onError }: ChoicesProps) {
  const [support, setSupport] = useState({ here: false, inList: false })
  useEffect(() => void passkeySupport().then(setSupport), [])
  const attempt = (work: () => Promise<void>): void => {
    onError(undefined)
    work().catch((thrown: unknown) => {
      if (!(thrown instanceof NotAnswered)) onError(asApiError(thrown))
    })
  }
  const goTo = async (provider: ProviderName): Promise<void> => location.assign(await accountApi.begin(provider, wish))
  const withPasskeys = ways.passkeys.here && support.here
  const { invitation } = wish
  const nothing = ways.providers.length === 0 && !withPasskeys
  return (
    <div class="signin-ways">
      {ways.providers.map(({ provider, name }, at) => (
        <button
          key={provider}
          type="button"
          class={`button wide ${at === 0 ? 'primary' : ''}`}
          onClick={() => attempt(() => goTo(provider))}
        >
          Continue with {name}
        </button>
      ))}
      {withPasskeys && invitation === undefined && (
        <PasskeySignIn
          inList={support.inList}
          onUse={() => attempt(() => signInWithPasskey('dialog').then(onSignedIn))}
          onPicked={onSignedIn}
          onError={onError}
        />
      )}
      {withPasskeys && invitation !== undefined && (
        <PasskeySignUp onMake={name => attempt(() => signUpWithPasskey(invitation, name).then(onSignedIn))} />
      )}
      {!ways.passkeys.here && ways.passkeys.at !== null && <Elsewhere at={ways.passkeys.at} />}
      {invitation === undefined && <ByLink alone={nothing} />}
      {invitation !== undefined && nothing && <NoWay />}
    </div>
  )
}

interface PasskeySignInProps {
  inList: boolean
  onUse: () => void
  onPicked: () => Promise<void>
  onError: (error: ApiError) => void
}

/** The field is there so that browsers can list the passkeys of this hub under it. */
function PasskeySignIn({ inList, onUse, onPicked, onError }: PasskeySignInProps) {
  useEffect(() => {
    if (!inList) return
    const offer = (): void =>
      void signInWithPasskey('list')
        .then(onPicked)
        .catch((thrown: unknown) => {
          if (!(thrown instanceof NotAnswered)) onError(asApiError(thrown))
        })
    offer()
    // A challenge does not live for ever, a page may.
    const renewing = setInterval(offer, limits.signInAttemptMs * 0.8)
    return () => {
      clearInterval(renewing)
      stopAsking()
    }
  }, [inList])
  const submit = (event: Event): void => {
    event.preventDefault()
    onUse()
  }
  return (
    <form class="signin-passkey" onSubmit={submit}>
      {inList && (
        <label>
          <span class="visually-hidden">Choose a passkey from the list</span>
          <input
            class="field"
            name="username"
            autocomplete="username webauthn"
            placeholder="Choose a passkey from the list"
            spellcheck={false}
          />
        </label>
      )}
      <button type="submit" class="button wide">
        <Icon name="user" />
        Sign in with a passkey
      </button>
    </form>
  )
}

function PasskeySignUp({ onMake }: { onMake: (name: string) => void }) {
  const [name, setName] = useState('')
  const submit = (event: Event): void => {
    event.preventDefault()
    if (name.trim() !== '') onMake(name.trim())
  }
  return (
    <form class="signin-passkey" onSubmit={submit}>
      <label>
        Your name
        <input
          class="field"
          autocomplete="nickname"
          maxLength={limits.userNameChars}
          required
          value={name}
          onInput={event => setName(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button wide">
        <Icon name="user" />
        Make an account with a passkey
      </button>
    </form>
  )
}

function Elsewhere({ at }: { at: string }) {
  return (
    <p class="faint">
      Passkeys do not work at an address that is a number. Use{' '}
      <a href={`${at}/signin`}>{at.replace(/^\w+:\/\//, '')}</a> for them.
    </p>
  )
}

function NoWay() {
  return <p class="muted">This hub has no way to sign in from here. Ask who invited you to set one up.</p>
}

function ByLink({ alone }: { alone: boolean }) {
  const signedOut = signedIn.value === 'no' ? 'You are not signed in. ' : ''
  return (
    <div class="howto">
      <p class="muted">
        {alone
          ? `${signedOut}A sign-in link opens this page once and keeps you signed in on this browser. Get one on the machine that runs Meshbook:`
          : 'Or open a one-time link. On the machine that runs Meshbook:'}
      </p>
      <pre>npx meshbook link</pre>
      <p class="faint">Links work once and expire after ten minutes.</p>
    </div>
  )
}
