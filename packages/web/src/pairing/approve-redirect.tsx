/** A program on this very machine asks, and waits on loopback for the answer (RFC 8252). */
import { fingerprintOf } from '@meshbook/core/pairing.ts'
import { type AuthorizeDevice, authorizeDeviceSchema } from '@meshbook/core/pairing-api.ts'
import { useEffect, useState } from 'preact/hooks'
import * as v from 'valibot'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { pairingApi } from '../api/pairing.ts'
import { ApproveMachine } from './approve-machine.tsx'
import { PairFailed } from './pair-failed.tsx'

export function ApproveRedirect({ value }: { value: string }) {
  const [asked] = useState(() => read(value))
  const [fingerprint, setFingerprint] = useState('')
  const [error, setError] = useState<ApiError | undefined>(undefined)
  const fail = (thrown: unknown) => setError(asApiError(thrown))
  useEffect(() => {
    if (asked) digest(asked.publicKey).then(bytes => setFingerprint(fingerprintOf(bytes)), fail)
  }, [])
  if (!asked) return <PairFailed error="The address is not whole. Start `meshbook up` again." />
  if (error) return <PairFailed error={error} />
  const decide = (approve: boolean) => {
    if (!approve) location.assign(`${asked.redirectUri}?error=access_denied&state=${asked.state}`)
    else pairingApi.authorizeDevice(asked).then(({ redirect }) => location.assign(redirect), fail)
  }
  return <ApproveMachine machine={{ ...asked, fingerprint }} decide={decide} />
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(text, char => char.charCodeAt(0))
}

/** The schema lets only addresses of loopback through, also for the refusal. */
function read(value: string): AuthorizeDevice | undefined {
  try {
    const parsed = v.safeParse(authorizeDeviceSchema, JSON.parse(new TextDecoder().decode(bytesOf(value))))
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}

async function digest(publicKey: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(publicKey)))
}
