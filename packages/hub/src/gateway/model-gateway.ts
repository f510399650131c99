/** One call of a model from the request to its settling: judged, held, sent with the vault's key, passed on, settled (GW1…). */
import type { IncomingMessage } from 'node:http'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type ModelCallId, type Now, newId, type OrgId, type RandomBytes, type UserId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Log } from '../log.ts'
import type { AddressKind } from '../outgoing/address-kind.ts'
import type { BudgetHolder } from '../store/model-calls.ts'
import type { OpenedKey, Vault } from '../vault/vault.ts'
import { type Bill, billFor, type Ending } from './bill.ts'
import { CallSeats } from './call-seats.ts'
import { type Endpoint, type GeminiCall, geminiCallAt, providerAddress, upstreamUrl } from './endpoints.ts'
import type { Ledger } from './ledger.ts'
import { type Meter, meterFor } from './meter.ts'
import { type ModelOrder, orderOf, plainJson } from './model-order.ts'
import type { ModelsConfig } from './models-config.ts'
import { clientHeaders, providerHeaders } from './passed-headers.ts'
import { PassingAnswer } from './passing-answer.ts'
import { Upstream, type UpstreamPorts } from './upstream.ts'
import { refusalOf } from './wire-errors.ts'

export interface GatewayPorts {
  vault: Pick<Vault, 'find'>
  ledger: Ledger
  config: { models: ModelsConfig }
  resolve: UpstreamPorts['resolve']
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
}

/** Who asks, and whose budget it is. */
export interface ModelAsker {
  org: OrgId
  user: UserId
  holder: BudgetHolder
}

/** Of a request of HTTP, what is looked at. */
export type ModelIncoming = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & AsyncIterable<Uint8Array>

export interface ModelRequest {
  endpoint: Endpoint
  incoming: ModelIncoming
  requestId: string
  /** Aborted when the client is gone. */
  signal: AbortSignal
  /** What it cost, before the end of the answer is passed on. */
  settled?: (bill: Bill) => void
}

export interface ModelAnswer {
  status: number
  headers: Record<string, string>
  /** Read it to its end, or end its iteration. */
  body: Buffer | PassingAnswer
}

/** A call that is held. */
interface Call {
  order: ModelOrder | undefined
  /** Settles it, once; without an order there is nothing to settle. */
  end(ending: Ending, meter?: Meter): Promise<void>
}

export class ModelGateway {
  readonly #ports: GatewayPorts
  readonly #upstream: Upstream
  readonly #seats = new CallSeats()
  readonly #closing = new AbortController()

  constructor(ports: GatewayPorts) {
    this.#ports = ports
    this.#upstream = new Upstream(ports)
  }

  /** Never throws: what goes wrong is an answer in the form of the wire. */
  async answer(asker: ModelAsker, request: ModelRequest): Promise<ModelAnswer> {
    let leave = (): void => undefined
    try {
      leave = this.#seats.take(budgetKey(asker), declaredBytes(request.incoming, this.#ports.times.modelRequestBytes))
      const answer = await this.#perform(asker, request, leave)
      if (answer.body instanceof Buffer) leave()
      return answer
    } catch (thrown) {
      leave()
      const error = asMeshError(thrown)
      const { wire, path } = request.endpoint
      const detail = { code: error.code, wire, path, requestId: request.requestId }
      if (error.code === 'INTERNAL') this.#ports.log.error({ ...detail, err: error }, 'a call of a model failed')
      else this.#ports.log.debug(detail, 'a call of a model was refused')
      return refusalOf(wire, error, request.requestId)
    }
  }

  async #perform(asker: ModelAsker, request: ModelRequest, leave: () => void): Promise<ModelAnswer> {
    const { config, vault, times } = this.#ports
    const { endpoint, incoming } = request
    const { wire, asks } = endpoint
    const given = endpoint.method === 'POST' ? await readBody(incoming, times.modelRequestBytes) : undefined
    const called = asks === 'contents' ? calledBy(incoming) : undefined
    const order = asks === 'free' ? undefined : orderOf(asks, given!, config.models.prices, called?.model)
    const key = await vault.find(asker.org, { kinds: [wire] }, budgetKey(asker))
    if (!key) throw new MeshError('KEY_MISSING', { detail: wire })
    const call = await this.#hold(asker, request, order)
    const signal = AbortSignal.any([request.signal, this.#closing.signal, AbortSignal.timeout(times.modelCallMs)])
    const answer = await this.#send(request, key, order?.body ?? (given && plainJson(given)), signal).catch(
      async (thrown: unknown) => {
        // Whoever left, and who took too long, may have had it made; what was not reached made nothing.
        const isLate = thrown instanceof MeshError && thrown.code === 'TIMEOUT'
        await call.end(signal.aborted || isLate ? 'left' : 'refused')
        throw thrown
      },
    )
    if ((answer.statusCode ?? 0) >= 300) return this.#refused(call, key, answer)
    return this.#passing(call, request, answer, signal, leave)
  }

  async #hold(
    asker: ModelAsker,
    { endpoint: { wire }, settled }: ModelRequest,
    order: ModelOrder | undefined,
  ): Promise<Call> {
    if (!order) return { order, end: async () => undefined }
    const { ledger, now, random } = this.#ports
    const began = now()
    const id = newId('modelCall', began, random)
    const { model, source: price, inputTokens, outputTokens, microUsd } = order
    await ledger.hold({ ...asker, id, provider: wire, model, price, inputTokens, outputTokens, microUsd })
    let ended: Promise<void> | undefined
    const end = (ending: Ending, meter?: Meter): Promise<void> => {
      ended ??= this.#settle(asker, id, billFor(order, ending, meter?.end(), now() - began), settled)
      return ended
    }
    return { order, end }
  }

  async #settle({ org }: ModelAsker, id: ModelCallId, bill: Bill, settled: ModelRequest['settled']): Promise<void> {
    await this.#ports.ledger.settle(org, id, bill)
    settled?.(bill)
  }

  #send(
    { endpoint, incoming }: ModelRequest,
    key: OpenedKey,
    body: Buffer | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { wire, method } = endpoint
    const set = this.#ports.config.models.addresses[wire]
    const address = key.at ?? set ?? providerAddress(wire)
    const mayBeInside = key.at === null ? set !== null : key.inside
    const allows: AddressKind[] = mayBeInside ? ['public', 'private'] : ['public']
    return this.#upstream.send({
      url: upstreamUrl(endpoint, address, urlOf(incoming)),
      method,
      headers: providerHeaders(wire, incoming.headers, key.secret),
      body,
      allows,
      signal,
    })
  }

  /** GW16. A redirect is none that is followed, so it is a refusal too. */
  async #refused(call: Call, key: OpenedKey, answer: IncomingMessage): Promise<ModelAnswer> {
    const { times } = this.#ports
    const text = await readCapped(answer, times.modelRefusalBytes, times.requestMs).finally(() => call.end('refused'))
    const status = answer.statusCode ?? 502
    if (status < 400)
      throw new MeshError('UNREACHABLE', { detail: `the provider leads elsewhere (${status}), which is not followed` })
    // Gemini says it with the status of any other fault of a request.
    if (status === 401 || /"API_KEY_INVALID"/.test(text))
      throw new MeshError('FORBIDDEN', { detail: `the provider does not take the key ${key.name} of the vault` })
    const headers = clientHeaders(answer.headers)
    delete headers['content-length']
    return {
      status,
      headers: { ...headers, ...priceHeader(call.order) },
      body: Buffer.from(key.secret.blankedIn(text)),
    }
  }

  #passing(
    call: Call,
    { endpoint }: ModelRequest,
    answer: IncomingMessage,
    signal: AbortSignal,
    leave: () => void,
  ): ModelAnswer {
    const isStream = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '')
    const meter = call.order && meterFor(endpoint.asks, isStream)
    const body = new PassingAnswer({
      answer,
      meter,
      silentMs: this.#ports.times.modelSilentMs,
      signal,
      ended: async ending => {
        leave()
        await call.end(ending, meter)
      },
    })
    const headers = { ...clientHeaders(answer.headers), ...priceHeader(call.order), 'cache-control': 'no-store' }
    return { status: answer.statusCode ?? 200, headers, body }
  }

  /** Ends what is under way; each is settled for what came of it. */
  async close(): Promise<void> {
    this.#closing.abort(new MeshError('SHUTTING_DOWN'))
    await this.#ports.ledger.close()
    this.#upstream.close()
  }
}

function urlOf({ url }: ModelIncoming): URL {
  return new URL(url ?? '/', 'http://hub')
}

function calledBy(incoming: ModelIncoming): GeminiCall {
  const { pathname, searchParams } = urlOf(incoming)
  const call = geminiCallAt(pathname)
  if (!call)
    throw new MeshError('NOT_FOUND', { detail: 'models are asked with generateContent or streamGenerateContent' })
  if (call.isStream && searchParams.get('alt') !== 'sse')
    throw new MeshError('BAD_REQUEST', { detail: 'a stream is asked for with alt=sse' })
  return call
}

const budgetKey = ({ org, holder }: ModelAsker): string =>
  'task' in holder ? `task ${holder.task} of ${org}` : `token ${holder.token} of ${org}`

function priceHeader(order: ModelOrder | undefined): Record<string, string> {
  return order ? { 'x-meshbook-price': order.source } : {}
}

/** Who does not say how much comes may bring the most. */
function declaredBytes({ method, headers }: ModelIncoming, mostBytes: number): number {
  if (method === 'GET') return 0
  const declared = Number(headers['content-length'])
  if (declared > mostBytes) throw tooLarge(mostBytes)
  return headers['content-length'] === undefined ? mostBytes : declared
}

async function readBody(incoming: ModelIncoming, mostBytes: number): Promise<Buffer> {
  const type = incoming.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new MeshError('BAD_REQUEST', { detail: 'the body must be application/json' })
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of incoming) {
    bytes += chunk.byteLength
    if (bytes > mostBytes) throw tooLarge(mostBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function readCapped(answer: IncomingMessage, mostBytes: number, ms: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const timer = setTimeout(() => answer.destroy(), ms)
  try {
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      chunks.push(chunk.subarray(0, mostBytes - bytes))
      bytes += chunk.byteLength
      if (bytes >= mostBytes) break
    }
  } catch (cause) {
    throw new MeshError('UNREACHABLE', { detail: 'the provider broke off in a refusal', cause })
  } finally {
    clearTimeout(timer)
    answer.destroy()
  }
  return Buffer.concat(chunks).toString('utf8')
}

const tooLarge = (mostBytes: number): MeshError =>
  new MeshError('TOO_LARGE', { detail: `the body may have ${mostBytes} bytes` })
