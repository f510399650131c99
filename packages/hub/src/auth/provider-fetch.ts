/** Asks a provider: a time-out for the whole answer, a cap on its size, no redirect (AU13). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'

export type ProviderLimits = Pick<Limits, 'providerAnswerBytes' | 'providerAnswerMs'>

export async function providerFetch(url: string, options: RequestInit, limits: ProviderLimits): Promise<Response> {
  const { host } = new URL(url)
  const timeout = AbortSignal.timeout(limits.providerAnswerMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  try {
    const answer = await fetch(url, { ...options, signal, redirect: 'manual' })
    const body = await readCapped(answer, limits.providerAnswerBytes)
    return new Response(body, { status: answer.status, headers: answer.headers })
  } catch (error) {
    throw new MeshError('PROVIDER_FAILED', { detail: `${host}: ${reasonOf(error, timeout)}` })
  }
}

async function readCapped(answer: Response, capBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (answer.status === 204 || answer.status === 304 || answer.body === null) return null
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body) {
    bytes += chunk.byteLength
    if (bytes > capBytes) throw new Error(`the answer has more than ${capBytes} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function reasonOf(error: unknown, timeout: AbortSignal): string {
  if (timeout.aborted) return 'no answer in time'
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message
  return error instanceof Error ? error.message : String(error)
}
