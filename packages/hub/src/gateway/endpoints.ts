/** What the gateway answers to, by wire and path (GW1, GW2). Nothing else is there. */
export const wireNames = ['anthropic', 'openai'] as const
export type WireName = (typeof wireNames)[number]

/** What a body asks for; `free` is neither held nor in the ledger (GW21). */
export type Asks = 'messages' | 'chat' | 'responses' | 'embeddings' | 'free'

export interface Endpoint {
  wire: WireName
  method: 'GET' | 'POST'
  /** Behind the provider's name. */
  path: string
  asks: Asks
}

export const endpoints: readonly Endpoint[] = [
  { wire: 'anthropic', method: 'POST', path: '/v1/messages', asks: 'messages' },
  { wire: 'anthropic', method: 'POST', path: '/v1/messages/count_tokens', asks: 'free' },
  { wire: 'anthropic', method: 'GET', path: '/v1/models', asks: 'free' },
  { wire: 'openai', method: 'POST', path: '/v1/chat/completions', asks: 'chat' },
  { wire: 'openai', method: 'POST', path: '/v1/responses', asks: 'responses' },
  { wire: 'openai', method: 'POST', path: '/v1/embeddings', asks: 'embeddings' },
  { wire: 'openai', method: 'GET', path: '/v1/models', asks: 'free' },
]

export const gatewayPath = '/gateway'

/** For a socket that is one task's: also without the provider's name in front. */
export function endpointAt(method: string, path: string, headers: Record<string, unknown>): Endpoint | undefined {
  const named = /^\/(?:gateway\/)?(anthropic|openai)(\/v1\/.*)$/.exec(path)
  const wire = named?.[1] ?? (path === '/v1/models' ? modelsWire(headers) : undefined)
  const rest = named?.[2] ?? path
  return endpoints.find(one => one.method === method && one.path === rest && (wire === undefined || one.wire === wire))
}

/** Of a request that is none of them: in whose form the refusal is. */
export function wireOf(path: string, headers: Record<string, unknown>): WireName {
  return path.includes('/openai/') ? 'openai' : path.includes('/anthropic/') ? 'anthropic' : modelsWire(headers)
}

function modelsWire(headers: Record<string, unknown>): WireName {
  return headers['anthropic-version'] === undefined ? 'openai' : 'anthropic'
}

const ownAddress: Readonly<Record<WireName, string>> = {
  anthropic: 'https://api.anthropic.com',
  openai: 'https://api.openai.com/v1',
}

/** Where the provider is by its own word, when nobody says otherwise (GW10). */
export const providerAddress = (wire: WireName): string => ownAddress[wire]

/** Addresses are as the providers' clients have them: OpenAI's ends with `/v1`. */
export function upstreamUrl({ wire, path }: Endpoint, address: string, search: string): string {
  const rest = wire === 'openai' ? path.slice('/v1'.length) : path
  return `${address.replace(/\/+$/, '')}${rest}${search}`
}
