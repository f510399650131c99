/** Which headers pass the gateway, each way (GW11). What is not named here is dropped, and so is what is of one hop alone. */
import type { IncomingHttpHeaders } from 'node:http'
import type { ModelWire } from '@meshbook/core/model-wires.ts'
import type { Secret } from '../vault/secret.ts'

const toProvider =
  /^(?:accept|anthropic-version|anthropic-beta|openai-beta|user-agent|x-goog-api-client|x-stainless-.+)$/
const toClient =
  /^(?:content-type|content-length|content-encoding|request-id|openai-version|openai-processing-ms|retry-after|retry-after-ms|x-should-retry|anthropic-ratelimit-.+|x-ratelimit-.+)$/

/** With the key of the vault, and uncompressed, so that it can be counted. */
export function providerHeaders(wire: ModelWire, headers: IncomingHttpHeaders, secret: Secret): Record<string, string> {
  return {
    ...passing(headers, toProvider),
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    ...credential(wire, secret),
  }
}

function credential(wire: ModelWire, secret: Secret): Record<string, string> {
  if (wire === 'openai') return { authorization: `Bearer ${secret.reveal()}` }
  return { [wire === 'anthropic' ? 'x-api-key' : 'x-goog-api-key']: secret.reveal() }
}

export function clientHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return passing(headers, toClient)
}

function passing(headers: IncomingHttpHeaders, names: RegExp): Record<string, string> {
  const kept = Object.entries(headers).filter(([name, value]) => names.test(name) && value !== undefined)
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]))
}
