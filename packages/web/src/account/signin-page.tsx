/** Signs in: by the one-time code of a link, at a provider, with a passkey; and with an invitation for the first time. */
import type { SignInWays } from '@meshbook/core/account-api.ts'
import { isErrorCode } from '@meshbook/core/errors.ts'
import { ownPage } from '@meshbook/core/own-page.ts'
import { useEffect, useState } from 'preact/hooks'
import { accountApi } from '../api/account.ts'
import { ApiError, asApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'
import { loadErrorTexts, wordsOf } from '../api/error-texts.ts'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { Link } from '../shell/link.tsx'
import { navigate } from '../state/location.ts'
import { me, signedIn, startMesh } from '../state/mesh.ts'
import { SignInChoices } from './signin-choices.tsx'
import '../styles/pages.css'

interface Arrival {
  code: string | undefined
  invitation: string | undefined
  error: ApiError | undefined
  to: string
}

/** Codes leave the address at once, so that they stay in no history and no log (S7). */
function takeArrival(): Arrival {
  if (location.pathname !== '/signin')
    return { code: undefined, invitation: undefined, error: undefined, to: pageHere() }
  const fragment = location.hash.slice(1)
  const query = new URLSearchParams(location.search)
  if (fragment !== '' || query.has('error')) history.replaceState(null, '', '/signin')
  const invitation = /^invitation=(.+)$/.exec(fragment)?.[1]
  const failed = query.get('error')
  const to = query.get('to') ?? ''
  return {
    code: invitation === undefined && fragment !== '' ? fragment : undefined,
    invitation,
    error: isErrorCode(failed) ? new ApiError(failed) : undefined,
    // Only a page of this hub: the link must not lead elsewhere.
    to: ownPage(to),
  }
}

const pageHere = (): string => (location.pathname.startsWith('/p/') ? location.pathname : '/')

export function SignInPage() {
  const [arrival] = useState(takeArrival)
  const [error, setError] = useState(arrival.error)
  const [ways, setWays] = useState<SignInWays | undefined>(undefined)
  const enter = async (): Promise<void> => {
    if (!(await startMesh()) || location.pathname !== '/signin') return
    // The app for phones is another one.
    if (arrival.to.startsWith('/m/')) location.replace(arrival.to)
    else navigate(arrival.to, { replace: true })
  }
  useEffect(() => {
    const failed = (thrown: unknown): void => setError(asApiError(thrown))
    if (arrival.code !== undefined) {
      api.signIn(arrival.code).then(enter).catch(failed)
      return
    }
    accountApi.ways().then(setWays).catch(failed)
    if (signedIn.value === 'unknown') void greet(arrival, enter)
  }, [])
  const working = error === undefined && (arrival.code !== undefined || ways === undefined)
  const showWays = (): void =>
    void accountApi
      .ways()
      .then(setWays)
      .catch(thrown => setError(asApiError(thrown)))
  useEffect(() => {
    if (error && ways === undefined && error.code !== 'UNREACHABLE') showWays()
  }, [error])
  return (
    <main id="main" class="signin" tabIndex={-1}>
      <div class="signin-card">
        <img src="/favicon.svg" width={44} height={44} alt="" />
        <h1>{arrival.invitation === undefined ? 'Meshbook' : 'You are invited to Meshbook'}</h1>
        {error && <Failed error={error} />}
        {signedIn.value === 'yes' && (error || arrival.invitation !== undefined) && <SignedInAlready />}
        {working && <Working text={arrival.code === undefined ? 'One moment…' : 'Signing you in…'} />}
        {ways && (
          <SignInChoices
            ways={ways}
            wish={{ to: arrival.to, invitation: arrival.invitation }}
            onSignedIn={enter}
            onError={setError}
          />
        )}
      </div>
    </main>
  )
}

/** Who is signed in already goes on, unless there is something to be told first. */
async function greet({ error, invitation }: Arrival, enter: () => Promise<void>): Promise<void> {
  if (!error && invitation === undefined) return enter()
  me.value = await api.me().catch(() => undefined)
  signedIn.value = me.value ? 'yes' : 'no'
}

function SignedInAlready() {
  return (
    <p class="muted">
      You are signed in as <strong>{me.value?.user}</strong>.{' '}
      <Link to="/account" onFollow={() => void startMesh()}>
        Your account
      </Link>
    </p>
  )
}

function Working({ text }: { text: string }) {
  return (
    <p class="row muted" role="status">
      <Icon name="spinner" class="spin" />
      {text}
    </p>
  )
}

function Failed({ error }: { error: ApiError }) {
  useEffect(loadErrorTexts, [])
  const words = wordsOf(error.code)
  return (
    <div class="signin-error" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{words.message}</strong>
        {error.detail && <p>{error.detail}</p>}
        <p>
          <Hint text={error.hint || words.hint} />
        </p>
      </div>
    </div>
  )
}
