/**
 * Waiting between attempts: exponential back-off with full jitter, so that many clients of one hub that comes back do
 * not all return in the same moment. Clock and randomness are ports.
 */
import { asMeshError, errors } from '@meshbook/core/errors.ts'

export interface BackoffOptions {
  /** Counts the attempts that failed, from 1. */
  attempt: number
  minMs: number
  maxMs: number
  /** A number from 0 up to, but not including, 1. */
  random: () => number
}

/** A random time between `minMs` and a bound that doubles with each attempt, up to `maxMs`. */
export function backoffMs({ attempt, minMs, maxMs, random }: BackoffOptions): number {
  const bound = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 50))
  return Math.min(maxMs, Math.round(minMs + random() * Math.max(0, bound - minMs)))
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

export interface RetryOptions extends Omit<BackoffOptions, 'attempt'> {
  signal: AbortSignal
  sleep: Sleep
  /** How often it is tried at most; `Infinity` for a link that must come back. */
  attempts: number
  /** Whether another attempt may help; by default what the error catalogue says. */
  mayRetry?: (error: unknown) => boolean
  onFailure?: (error: unknown, waitMs: number) => void
}

/**
 * Calls `attempt` until it succeeds, and returns its result. Throws its last error when it may not or need not be tried
 * again, and the signal's reason when that is aborted.
 */
export async function retry<T>(attempt: (number: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, sleep, attempts, mayRetry = isTemporary, onFailure } = options
  for (let number = 1; ; number++) {
    signal.throwIfAborted()
    try {
      return await attempt(number)
    } catch (error) {
      signal.throwIfAborted()
      if (number >= attempts || !mayRetry(error)) throw error
      const waitMs = backoffMs({ ...options, attempt: number })
      onFailure?.(error, waitMs)
      await sleep(waitMs, signal)
    }
  }
}

function isTemporary(error: unknown): boolean {
  return errors[asMeshError(error).code].retry === 'backoff'
}

/** Sleep on the system's clock. */
export async function systemSleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal.addEventListener('abort', stop, { once: true })
  })
}
