/**
 * What a request asks a model for, and the most that it can cost (GW13, GW14, GW20). Pure: bytes in, what is to be sent
 * and its bounds out. What cannot be counted by tokens is refused.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { type GivenPrice, type ModelPrice, mostCost, type PriceSource, priceOf } from '@meshbook/core/model-prices.ts'
import * as v from 'valibot'
import type { Asks } from './endpoints.ts'
import { geminiBounds } from './gemini-order.ts'

export interface ModelOrder {
  model: string
  price: ModelPrice
  source: PriceSource
  /** To be sent. */
  body: Buffer
  inputTokens: number
  outputTokens: number
  microUsd: number
  /** The model may think without showing it. */
  mayHide: boolean
}

type Json = Record<string, unknown>
type Keeps = 'nothing' | 'minutes' | 'hour'

const count = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(1)))
const bodySchema = v.looseObject({
  model: v.pipe(v.string(), v.minLength(1), v.maxLength(200), v.regex(/^\P{C}+$/u)),
  max_tokens: count,
  max_completion_tokens: count,
  max_output_tokens: count,
  n: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(128))),
  stream: v.nullish(v.boolean()),
  stream_options: v.nullish(v.looseObject({})),
  thinking: v.nullish(v.looseObject({ type: v.nullish(v.string()), budget_tokens: count })),
  tools: v.nullish(v.array(v.looseObject({ type: v.nullish(v.string()) }))),
})
type Body = v.InferOutput<typeof bodySchema>

/** Words around what is asked, which a provider adds, and the manual of each tool of its own. */
const addedTokens = 2_000
const toolTokens = 1_500
const mostDepth = 200

export function orderOf(
  asks: Exclude<Asks, 'free'>,
  bytes: Buffer,
  prices: Readonly<Record<string, GivenPrice>>,
  /** Where the address names it. */
  called?: string,
): ModelOrder {
  if (called !== undefined) return contentsOrder(bytes, prices, called)
  const body = bodyOf(bytes)
  refuseUncounted(asks, body)
  const { price, source } = priceOf(body.model, prices)
  const found = contentsOf(body, price.imageTokens)
  const isOpen = found.isOpen || ['previous_response_id', 'conversation', 'prompt'].some(name => body[name] != null)
  const most = found.tokens + addedTokens + toolTokens * (body.tools?.length ?? 0)
  const inputTokens = isOpen ? price.contextTokens : Math.min(most, price.contextTokens)
  const outputTokens = asks === 'embeddings' ? 0 : outputBound(body, price, found)
  const microUsd = mostCost(price, { inputTokens, outputTokens }, found.keeps)
  const sent = Buffer.from(JSON.stringify(asks === 'chat' ? withUsage(body) : body))
  return {
    model: body.model,
    price,
    source,
    body: sent,
    inputTokens,
    outputTokens,
    microUsd,
    mayHide: hides(asks, body),
  }
}

function contentsOrder(bytes: Buffer, prices: Readonly<Record<string, GivenPrice>>, model: string): ModelOrder {
  const { price, source } = priceOf(model, prices)
  const { body, counted, isOpen, outputTokens, ...added } = geminiBounds(parsed(bytes), price)
  const { tokens } = contentsOf(counted, price.imageTokens)
  const most = tokens + addedTokens + added.addedTokens + toolTokens * added.tools
  const inputTokens = isOpen ? price.contextTokens : Math.min(most, price.contextTokens)
  const microUsd = mostCost(price, { inputTokens, outputTokens }, 'nothing')
  const sent = Buffer.from(JSON.stringify(body))
  return { model, price, source, body: sent, inputTokens, outputTokens, microUsd, mayHide: true }
}

/** JSON as it will be sent: what stands twice stands there once, as it was read. */
export function plainJson(bytes: Buffer): Buffer {
  return Buffer.from(JSON.stringify(parsed(bytes)))
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new MeshError('BAD_REQUEST', { detail: 'the body is not JSON', cause })
  }
}

function bodyOf(bytes: Buffer): Body {
  const result = v.safeParse(bodySchema, parsed(bytes))
  if (result.success) return result.output
  const [issue] = result.issues
  throw new MeshError('BAD_REQUEST', { detail: `${v.getDotPath(issue) ?? 'body'}: ${issue.message}` })
}

function withUsage(body: Body): Body {
  return body.stream === true ? { ...body, stream_options: { ...body.stream_options, include_usage: true } } : body
}

/** Of Anthropic a model thinks where it is asked to; of OpenAI there is no telling. */
function hides(asks: Asks, { thinking }: Body): boolean {
  if (asks === 'messages') return thinking != null && thinking.type !== 'disabled'
  return asks !== 'embeddings'
}

function outputBound(body: Body, price: ModelPrice, { predicted }: Contents): number {
  const { max_tokens, max_completion_tokens, max_output_tokens, thinking } = body
  const said = [max_tokens, max_completion_tokens, max_output_tokens, thinking?.budget_tokens].flatMap(one => one ?? [])
  const most = said.length > 0 ? Math.max(...said) : price.outputTokens
  return most * (body.n ?? 1) + predicted
}

const uncounted = (what: string): MeshError =>
  new MeshError('BAD_REQUEST', { detail: `${what} is not possible here, because its cost is not told in tokens` })

const clientTools: Readonly<Record<Exclude<Asks, 'free'>, RegExp>> = {
  messages: /^(?:custom|(?:bash|text_editor|computer|memory)_\d+)$/,
  chat: /^(?:function|custom)$/,
  responses: /^(?:function|custom|local_shell|apply_patch)$/,
  embeddings: /^$/,
  contents: /^$/,
}
/** Fields that cost something else, with the values that do not. */
const plainValues: readonly (readonly [name: string, isPlain: (value: unknown) => boolean])[] = [
  ['service_tier', value => ['auto', 'default', 'standard', 'standard_only', 'flex'].includes(String(value))],
  ['speed', value => value === 'standard'],
  ['inference_geo', value => value === 'global'],
  ['background', value => value === false],
  ['modalities', value => Array.isArray(value) && value.every(one => one === 'text')],
  ['audio', () => false],
  ['web_search_options', () => false],
  ['mcp_servers', value => Array.isArray(value) && value.length === 0],
  ['container', () => false],
]

function refuseUncounted(asks: Exclude<Asks, 'free'>, body: Body): void {
  for (const [name, isPlain] of plainValues)
    if (body[name] != null && !isPlain(body[name])) throw uncounted(`${name} ${shown(body[name])}`)
  for (const tool of body.tools ?? [])
    if (tool.type != null && !clientTools[asks].test(tool.type)) throw uncounted(`the tool ${shown(tool.type)}`)
}

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 60)

interface Contents {
  tokens: number
  /** Something is named that only the provider has. */
  isOpen: boolean
  keeps: Keeps
  /** Of a foretold answer: what of it is wrong is charged as output. */
  predicted: number
}

/**
 * A token is at least a byte. A picture has its own measure, where a message has its contents: the same words in the
 * schema of a tool, or in what one was called with, are text. A document that is no text has none.
 */
function contentsOf(body: Json, imageTokens: number): Contents {
  const found: Contents = { tokens: 0, isOpen: false, keeps: 'nothing', predicted: 0 }
  const walk = (value: unknown, depth: number, isContent: boolean): void => {
    if (depth > mostDepth) throw new MeshError('BAD_REQUEST', { detail: `the body is nested deeper than ${mostDepth}` })
    found.tokens += 8
    if (typeof value === 'string') found.tokens += Buffer.byteLength(value)
    else if (Array.isArray(value)) for (const item of value) walk(item, depth + 1, isContent)
    else if (typeof value === 'object' && value !== null) walkObject(value as Json, depth, isContent)
  }
  const walkObject = (value: Json, depth: number, isContent: boolean): void => {
    if (value.cache_control != null) found.keeps = keepsOf(found.keeps, value.cache_control)
    if (value.type === 'input_audio') throw uncounted('audio')
    if (isFile(value)) found.isOpen = true
    const isPicture = isContent && isImage(value)
    if (isPicture) found.tokens += imageTokens
    for (const [name, item] of Object.entries(value)) {
      found.tokens += Buffer.byteLength(name)
      if (!(isPicture && pictureFields.has(name))) walk(item, depth + 1, isContent && holdsContent(name, depth))
    }
  }
  walk(body, 0, true)
  if (body.prediction != null) found.predicted = Buffer.byteLength(JSON.stringify(body.prediction))
  return found
}

const pictureFields = new Set(['source', 'image_url', 'file_id'])

/** `input` has the messages of a response, and elsewhere what a tool was called with. */
function holdsContent(name: string, depth: number): boolean {
  return name === 'messages' || name === 'content' || name === 'output' || (name === 'input' && depth === 0)
}

function keepsOf(before: Keeps, control: unknown): Keeps {
  const ttl = typeof control === 'object' && control !== null && 'ttl' in control ? control.ttl : undefined
  return before === 'hour' || (ttl !== undefined && ttl !== null && ttl !== '5m') ? 'hour' : 'minutes'
}

function isImage({ type, source, image_url, file_id }: Json): boolean {
  if (type === 'image') return typeof source === 'object' && source !== null
  if (type === 'image_url') return image_url != null
  return (type === 'input_image' || type === 'computer_screenshot') && (image_url != null || file_id != null)
}

function isFile({ type, source, file, file_id, file_url, file_data }: Json): boolean {
  if (type === 'document') return sourceType(source) !== 'text' && sourceType(source) !== 'content'
  if (type === 'container_upload' || type === 'item_reference') return true
  return (type === 'file' || type === 'input_file') && [file, file_id, file_url, file_data].some(one => one != null)
}

function sourceType(source: unknown): unknown {
  return typeof source === 'object' && source !== null && 'type' in source ? source.type : undefined
}
