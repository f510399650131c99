/** Signs in with the one-time code of a link; without one, says where to get it. */
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { type ApiError, asApiError } from '../api/http.ts'
import { navigate } from '../state/location.ts'
import { signedIn, startMesh } from '../state/mesh.ts'
import { Hint } from './hint.tsx'
import { Icon } from './icons.tsx'

interface SignInLink {
  code: string | undefined
  to: string
}

/** The code leaves the address at once, so that it stays in no history and no log (S7). */
function takeLink(): SignInLink {
  const code = location.hash.slice(1)
  const to = new URLSearchParams(location.search).get('to') ?? ''
  if (code !== '') history.replaceState(null, '', '/signin')
  // Only a notebook of this hub: the link must not lead elsewhere.
  return { code: code || undefined, to: to.startsWith('/p/') ? to : '/' }
}

export function SignInPage() {
  const [{ code, to }] = useState(takeLink)
  const [error, setError] = useState<ApiError | undefined>(undefined)
  useEffect(() => {
    if (code === undefined) return
    api
      .signIn(code)
      .then(async () => {
        if (await startMesh()) navigate(to, { replace: true })
      })
      .catch(thrown => setError(asApiError(thrown)))
  }, [])
  return (
    <main id="main" class="signin" tabIndex={-1}>
      <div class="signin-card">
        <img src="/favicon.svg" width={44} height={44} alt="" />
        <h1>Meshbook</h1>
        {error ? <Failed error={error} /> : code !== undefined ? <Working /> : <HowTo />}
      </div>
    </main>
  )
}

function Working() {
  return (
    <p class="row muted" role="status">
      <Icon name="spinner" class="spin" />
      Signing you in…
    </p>
  )
}

function Failed({ error }: { error: ApiError }) {
  return (
    <>
      <div class="signin-error" role="alert">
        <Icon name="warning" />
        <div>
          <strong>{error.message}</strong>
          {error.detail && <p>{error.detail}</p>}
          <p>
            <Hint text={error.hint} />
          </p>
        </div>
      </div>
      <HowTo />
    </>
  )
}

function HowTo() {
  const signedOut = signedIn.value === 'no'
  return (
    <div class="howto">
      <p class="muted">
        {signedOut ? 'You are not signed in. ' : ''}A sign-in link opens this page once and keeps you signed in on this
        browser. Get one on the machine that runs Meshbook:
      </p>
      <pre>npx meshbook link</pre>
      <p class="faint">Links work once and expire after ten minutes.</p>
    </div>
  )
}
