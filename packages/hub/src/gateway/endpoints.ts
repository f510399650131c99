/** What the gateway answers to, by wire and path (GW1, GW2). Nothing else is there. */
import { type ModelWire, modelWires } from '@meshbook/core/model-wires.ts'

/** What a body asks for; `free` is neither held nor in the ledger (GW21). */
export type Asks = 'messages' | 'chat' | 'responses' | 'embeddings' | 'contents' | 'free'

export interface Endpoint {
  wire: ModelWire
  method: 'GET' | 'POST'
  /** Behind the provider's name; `:call` is a model and what it is to do. */
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
  { wire: 'gemini', method: 'POST', path: '/v1beta/models/:call', asks: 'contents' },
  { wire: 'gemini', method: 'POST', path: '/v1/models/:call', asks: 'contents' },
]

/** What Gemini's address says that others say in the body. */
export interface GeminiCall {
  version: string
  model: string
  isStream: boolean
}

const geminiPath = /\/(v1|v1beta)\/models\/([a-z0-9][\w.-]*):(generateContent|streamGenerateContent)$/i

export function geminiCallAt(path: string): GeminiCall | undefined {
  const [, version, model, method] = geminiPath.exec(path) ?? []
  if (version === undefined || model === undefined) return undefined
  return { version, model, isStream: method === 'streamGenerateContent' }
}

export const gatewayPath = '/gateway'

/** For a socket that is one task's: also without the provider's name in front. */
export function endpointAt(method: string, path: string, headers: Record<string, unknown>): Endpoint | undefined {
  const named = /^\/(?:gateway\/)?(anthropic|openai|gemini)(\/v1(?:beta)?\/.*)$/.exec(path)
  const wire = named?.[1] ?? (path === '/v1/models' ? modelsWire(headers) : undefined)
  const rest = named?.[2] ?? path
  const plain = rest.replace(/^(\/v1(?:beta)?\/models\/)[^/]+$/, '$1:call')
  const isAt = (one: Endpoint): boolean => one.path === plain
  return endpoints.find(one => one.method === method && isAt(one) && (wire === undefined || one.wire === wire))
}

/** Of a request that is none of them: in whose form the refusal is. */
export function wireOf(path: string, headers: Record<string, unknown>): ModelWire {
  const named = modelWires.find(wire => path.includes(`/${wire}/`))
  return named ?? (/^\/v1(?:beta)?\/models\/./.test(path) ? 'gemini' : modelsWire(headers))
}

function modelsWire(headers: Record<string, unknown>): ModelWire {
  return headers['anthropic-version'] === undefined ? 'openai' : 'anthropic'
}

const ownAddress: Readonly<Record<ModelWire, string>> = {
  anthropic: 'https://api.anthropic.com',
  openai: 'https://api.openai.com/v1',
  gemini: 'https://generativelanguage.googleapis.com',
}

/** Where the provider is by its own word, when nobody says otherwise (GW10). */
export const providerAddress = (wire: ModelWire): string => ownAddress[wire]

/**
 * Addresses are as the providers' clients have them: OpenAI's ends with `/v1`. `url`: of the client; of Gemini's nothing
 * is taken over but the call, since a key could stand in it.
 */
export function upstreamUrl({ wire, path }: Endpoint, address: string, { pathname, search }: URL): string {
  const base = address.replace(/\/+$/, '')
  const call = wire === 'gemini' ? geminiCallAt(pathname) : undefined
  if (call) {
    const method = call.isStream ? 'streamGenerateContent?alt=sse' : 'generateContent'
    return `${base}/${call.version}/models/${call.model}:${method}`
  }
  return `${base}${wire === 'openai' ? path.slice('/v1'.length) : path}${search}`
}
