/** A new browser: shows the code to the hub, and its two digits to the person in front of it. */
import { digitsOf, readPairingCode, transcriptText } from '@meshbook/core/pairing.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { errorWithWords } from '../api/error-texts.ts'
import { pairingApi } from '../api/pairing.ts'
import { Icon } from '../shell/icons.tsx'
import { startMesh } from '../state/mesh.ts'
import { PairFailed } from './pair-failed.tsx'
import { browserName, endedThere, hasEnded } from './pairing-words.ts'

/** `joined`: it is signed in now. */
export function JoinBrowser({ code, joined }: { code: string; joined: () => void }) {
  const [digits, setDigits] = useState<string | undefined>(undefined)
  const [error, setError] = useState<ApiError | string | undefined>(undefined)
  useEffect(() => {
    const stop = new AbortController()
    join(code, setDigits, stop.signal).then(
      async ended => {
        if (ended) setError(ended)
        else if (await startMesh()) joined()
      },
      thrown => {
        if (!stop.signal.aborted) setError(asApiError(thrown))
      },
    )
    return () => stop.abort()
  }, [])
  if (error) return <PairFailed error={error} />
  if (!digits)
    return (
      <p class="row muted" role="status">
        <Icon name="spinner" class="spin" />
        Showing the code…
      </p>
    )
  return (
    <>
      <h1>Enter these two digits</h1>
      <p class="muted">on the screen that shows the QR code:</p>
      <output class="pair-shown" aria-label={`The digits ${digits.split('').join(' ')}`}>
        {digits}
      </output>
      <p class="faint" role="status">
        This page goes on by itself.
      </p>
    </>
  )
}

/** Returns why it ended without success. */
async function join(typed: string, show: (digits: string) => void, signal: AbortSignal): Promise<string | undefined> {
  const code = readPairingCode(typed)
  if (!code) throw await errorWithWords('PAIRING_CODE')
  const publicKey = base64url(crypto.getRandomValues(new Uint8Array(32)))
  const { pairing, claim } = await pairingApi.showCode(code, publicKey, browserName(navigator.userAgent))
  const text = transcriptText({ pairing, code, publicKey, sealKey: '' })
  show(digitsOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))))
  for (;;) {
    const { state } = await pairingApi.pairResult(claim, signal)
    if (state === 'done') return undefined
    if (hasEnded(state)) return endedThere[state]
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
