/** The screen that pairs: shows a code, then asks for the two digits that the new device shows. */
import type { Pairing } from '@meshbook/core/pairing-api.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { pairingApi } from '../api/pairing.ts'
import { Icon } from '../shell/icons.tsx'
import { endedHere, hasEnded } from './pairing-words.ts'
import { QrCode } from './qr-code.tsx'
import '../styles/pairing.css'

/** From a new code to its end; `close` is where one leaves it. */
export function Pairings({ close }: { close: () => void }) {
  const [attempt, setAttempt] = useState(0)
  return <Attempt key={attempt} again={() => setAttempt(attempt + 1)} close={close} />
}

function Attempt({ again, close }: { again: () => void; close: () => void }) {
  const [pairing, setPairing] = useState<Pairing | undefined>(undefined)
  const [error, setError] = useState<ApiError | undefined>(undefined)
  useEffect(() => {
    const stop = new AbortController()
    follow(setPairing, stop.signal).catch(thrown => {
      if (!stop.signal.aborted) setError(asApiError(thrown))
    })
    return () => stop.abort()
  }, [])
  if (error) return <Ended text={`${error.message}. ${error.hint}`} again={again} close={close} />
  if (!pairing)
    return (
      <p class="row muted" role="status">
        <Icon name="spinner" class="spin" />
        Making a code…
      </p>
    )
  if (hasEnded(pairing.state)) return <Ended text={endedHere[pairing.state]} again={again} close={close} />
  if (pairing.state === 'waiting') return <Code pairing={pairing} close={close} />
  if (pairing.state === 'done') return <Done pairing={pairing} close={close} />
  return <Digits pairing={pairing} changed={setPairing} />
}

/** Makes a pairing and follows it; one that is left before its end is cancelled. */
async function follow(show: (pairing: Pairing) => void, signal: AbortSignal): Promise<void> {
  const made = await pairingApi.newPairing()
  signal.addEventListener('abort', () => void pairingApi.cancelPairing(made.id).catch(() => undefined))
  let now = made
  while (!signal.aborted) {
    show({ ...now, ...(made.code && { code: made.code }), ...(made.url && { url: made.url }) })
    if (now.state === 'done' || hasEnded(now.state)) return
    now = await pairingApi.pairing(made.id, now.state, signal)
  }
}

function Code({ pairing, close }: { pairing: Pairing; close: () => void }) {
  return (
    <>
      <p class="muted">Scan this with the new phone or tablet, or type the code where Meshbook asks for it.</p>
      {pairing.url && <QrCode text={pairing.url} label="QR code that opens the pairing page" />}
      <p class="pair-code">
        <output aria-label="Pairing code">{pairing.code}</output>
      </p>
      <p class="faint">
        On a computer: <code>meshbook pair {pairing.code}</code>
      </p>
      <p class="faint" role="status">
        Waiting for the new device. <TimeLeft until={pairing.expiresAt} />
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
      </div>
    </>
  )
}

/** Not announced: it changes every second. */
function TimeLeft({ until }: { until: number }) {
  const left = () => Math.max(0, Math.ceil((until - Date.now()) / 1000))
  const [seconds, setSeconds] = useState(left)
  useEffect(() => {
    const timer = setInterval(() => setSeconds(left()), 1000)
    return () => clearInterval(timer)
  }, [until])
  return (
    <span aria-hidden="true">
      {Math.floor(seconds / 60)}:{String(seconds % 60).padStart(2, '0')}
    </span>
  )
}

function Digits({ pairing, changed }: { pairing: Pairing; changed: (pairing: Pairing) => void }) {
  const [error, setError] = useState<ApiError | undefined>(undefined)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const { name, fingerprint } = pairing.newcomer!
  const submit = (event: Event) => {
    event.preventDefault()
    const digits = input.current?.value.trim() ?? ''
    pairingApi.confirmPairing(pairing.id, digits).then(changed, thrown => {
      setError(asApiError(thrown))
      input.current?.select()
    })
  }
  const refuse = () => pairingApi.cancelPairing(pairing.id, 'denied').catch(thrown => setError(asApiError(thrown)))
  return (
    <form onSubmit={submit} class="pair-form">
      <p role="status">
        <strong>{name}</strong> wants to be yours.
        <span class="faint pair-key">Key {fingerprint}</span>
      </p>
      <label>
        The two digits that it shows
        <input
          ref={input}
          class="field pair-digits"
          inputMode="numeric"
          pattern="[0-9]{2}"
          maxLength={2}
          required
          autocomplete="off"
          aria-describedby={error ? 'pair-error' : undefined}
        />
      </label>
      {error && (
        <p id="pair-error" class="pair-error" role="alert">
          {error.message} {error.detail && `(${error.detail})`}. {error.hint}
        </p>
      )}
      <div class="dialog-actions">
        <button type="button" class="button danger" onClick={refuse}>
          Refuse
        </button>
        <button type="submit" class="button primary">
          Add
        </button>
      </div>
    </form>
  )
}

function Done({ pairing, close }: { pairing: Pairing; close: () => void }) {
  const { name, kind } = pairing.newcomer!
  return (
    <>
      <p role="status" class="row">
        <Icon name="check" />
        <span>
          <strong>{name}</strong> {kind === 'browser' ? 'is signed in.' : 'is one of your devices.'}
        </span>
      </p>
      <div class="dialog-actions">
        <button type="button" class="button primary" onClick={close}>
          Done
        </button>
      </div>
    </>
  )
}

function Ended({ text, again, close }: { text: string; again: () => void; close: () => void }) {
  return (
    <>
      <p role="alert">{text}</p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={close}>
          Close
        </button>
        <button type="button" class="button primary" onClick={again}>
          New code
        </button>
      </div>
    </>
  )
}
