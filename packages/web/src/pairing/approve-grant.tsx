/** A machine without a browser waits under a code; the user looks at it and decides (RFC 8628). */
import type { DeviceRequest } from '@meshbook/core/pairing-api.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { pairingApi } from '../api/pairing.ts'
import { ApproveMachine } from './approve-machine.tsx'
import { PairFailed } from './pair-failed.tsx'

export function ApproveGrant({ code, devices = '/devices' }: { code: string; devices?: string }) {
  const [request, setRequest] = useState<DeviceRequest | undefined>(undefined)
  const [decided, setDecided] = useState<boolean | undefined>(undefined)
  const [error, setError] = useState<ApiError | undefined>(undefined)
  const fail = (thrown: unknown) => setError(asApiError(thrown))
  useEffect(() => {
    pairingApi.findDeviceRequest(code).then(setRequest, fail)
  }, [])
  if (error) return <PairFailed error={error} />
  if (!request) return null
  if (decided !== undefined)
    return (
      <>
        <h1 tabIndex={-1}>{decided ? `${request.name} is one of your devices` : `${request.name} was refused`}</h1>
        <p class="muted">{decided ? 'It goes on by itself.' : 'It is told so.'} You can close this page.</p>
        <a href={devices}>Your devices</a>
      </>
    )
  const decide = (approve: boolean) => pairingApi.decideDevice(code, approve).then(() => setDecided(approve), fail)
  return <ApproveMachine machine={request} decide={decide} />
}
