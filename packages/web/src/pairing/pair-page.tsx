/**
 * `/pair`: a new browser shows its two digits here, and a person who is signed in approves a machine that asks. What
 * the address holds behind `#` leaves it at once, so that it stays in no history (S7).
 */
import { type PairingFragment, readPairingCode, readPairingFragment } from '@meshbook/core/pairing.ts'
import { useEffect, useState } from 'preact/hooks'
import { isPhone } from '../state/is-phone.ts'
import { navigate } from '../state/location.ts'
import { signedIn, startMesh } from '../state/mesh.ts'
import { ApproveGrant } from './approve-grant.tsx'
import { ApproveRedirect } from './approve-redirect.tsx'
import { JoinBrowser } from './join-browser.tsx'
import '../styles/pairing.css'
import '../styles/pages.css'

interface Asked {
  kind: PairingFragment
  value: string
}

function takeFragment(): Asked | undefined {
  const asked = readPairingFragment(location.hash)
  if (location.hash !== '') history.replaceState(null, '', '/pair')
  return asked
}

export function PairPage() {
  const [asked, setAsked] = useState(takeFragment)
  useEffect(() => {
    // Another link that is opened in this tab changes only what stands behind the #.
    const take = () => {
      const next = takeFragment()
      if (next) setAsked(next)
    }
    addEventListener('hashchange', take)
    return () => removeEventListener('hashchange', take)
  }, [])
  return (
    <main id="main" class="signin" tabIndex={-1}>
      <div class="signin-card">
        <img src="/favicon.svg" width={44} height={44} alt="" />
        <Step
          key={asked?.value}
          asked={asked}
          typed={value => setAsked({ kind: signedIn.value === 'yes' ? 'grant' : 'code', value })}
        />
      </div>
    </main>
  )
}

function Step({ asked, typed }: { asked: Asked | undefined; typed: (code: string) => void }) {
  if (signedIn.value === 'unknown') return null
  if (!asked) return <EnterCode typed={typed} />
  if (asked.kind === 'code')
    return signedIn.value === 'yes' ? <AlreadySignedIn /> : <JoinBrowser code={asked.value} joined={enter} />
  if (signedIn.value !== 'yes') return <SignInFirst />
  return asked.kind === 'grant' ? <ApproveGrant code={asked.value} /> : <ApproveRedirect value={asked.value} />
}

/** A phone goes on in its own app. */
function enter(): void {
  if (isPhone()) location.replace('/m/')
  else navigate('/', { replace: true })
}

function EnterCode({ typed }: { typed: (code: string) => void }) {
  const [wrong, setWrong] = useState(false)
  const submit = (event: Event) => {
    event.preventDefault()
    const code = readPairingCode(String(new FormData(event.target as HTMLFormElement).get('code') ?? ''))
    setWrong(!code)
    if (code) typed(code)
  }
  const isKnown = signedIn.value === 'yes'
  return (
    <>
      <h1>{isKnown ? 'Add a machine' : 'Pair this browser'}</h1>
      <p class="muted">
        {isKnown
          ? 'Enter the code that the machine shows in its terminal.'
          : 'Enter the code that the other screen shows under Devices → Pair a device.'}
      </p>
      <form class="pair-form" onSubmit={submit}>
        <label>
          Code
          <input
            name="code"
            class="field pair-code-field"
            autocomplete="off"
            autocapitalize="characters"
            spellcheck={false}
            maxLength={20}
            required
            aria-describedby={wrong ? 'code-wrong' : undefined}
          />
        </label>
        {wrong && (
          <p id="code-wrong" class="pair-error" role="alert">
            A code has eight letters and digits, like K7Q2-M9XD.
          </p>
        )}
        <button type="submit" class="button primary">
          Continue
        </button>
      </form>
    </>
  )
}

function AlreadySignedIn() {
  return (
    <>
      <h1>You are signed in here already</h1>
      <p class="muted">This browser needs no code. The code is still good for another device, until it expires.</p>
      <button type="button" class="button primary" onClick={enter}>
        Open Meshbook
      </button>
    </>
  )
}

const lookAgainMs = 3_000

/** The cookie belongs to all tabs: once another one has signed in, this one goes on. */
function SignInFirst() {
  useEffect(() => {
    const timer = setInterval(() => void startMesh(), lookAgainMs)
    return () => clearInterval(timer)
  }, [])
  return (
    <>
      <h1>Sign in first</h1>
      <p class="muted">
        A machine asks to be one of your devices.{' '}
        <a href="/signin" target="_blank" rel="noreferrer">
          Sign in in another tab
        </a>
        ; this page goes on by itself.
      </p>
    </>
  )
}
