/** Whether the bytes of a file are at the hub, asked again until they are. */
import type { FileInfo } from '@meshbook/core/api.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'

export type Arrival =
  | { is: 'looking' }
  | { is: 'here' }
  | { is: 'coming'; arrived: number }
  | { is: 'unknown'; error: ApiError }

const againMinMs = 1_000
const againMaxMs = 15_000

export function useArrival({ id, asset }: FileInfo): Arrival {
  const [arrival, setArrival] = useState<Arrival>({ is: 'looking' })
  useEffect(() => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async (waitMs: number, before: number) => {
      const next = await arrivalOf(id, asset, stop.signal)
      if (stop.signal.aborted) return
      setArrival(next)
      const arrived = next.is === 'coming' ? next.arrived : 0
      const nextMs = arrived > before ? againMinMs : Math.min(againMaxMs, waitMs * 1.5)
      if (next.is !== 'here') timer = setTimeout(() => void look(nextMs, arrived), nextMs)
    }
    setArrival({ is: 'looking' })
    void look(againMinMs, 0)
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [id, asset])
  return arrival
}

/** The list of files may be older than the file: then this one is not told about yet. */
async function arrivalOf(id: string, asset: string, signal: AbortSignal): Promise<Arrival> {
  try {
    const state = await api.fileState(id, signal)
    if (state.asset !== asset) return { is: 'looking' }
    return state.stored ? { is: 'here' } : { is: 'coming', arrived: state.arrived }
  } catch (thrown) {
    return { is: 'unknown', error: asApiError(thrown) }
  }
}
