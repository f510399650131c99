/** The port to a model: what it is asked, what it answers, and in which ways that fails. No provider is named here. */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { Block, stopReasons, Usage } from '@meshbook/core/task-events.ts'

export type StopReason = (typeof stopReasons)[number]

export interface ToolResult {
  call: string
  ok: boolean
  content: string
}

export type Message =
  | { role: 'user'; text: string }
  | { role: 'agent'; model: string; blocks: readonly Block[] }
  /** Answers to all calls of the message before it. */
  | { role: 'tools'; results: readonly ToolResult[] }

export interface ToolDescription {
  name: string
  description: string
  /** A JSON schema of type object. */
  schema: Record<string, unknown>
}

export interface ModelRequest {
  model: string
  system: string
  messages: readonly Message[]
  tools: readonly ToolDescription[]
  maxOutputTokens: number
  /**
   * The text of the answer is to be JSON that fits this JSON Schema. The provider is held to it as far as it can be;
   * who asks still checks what comes.
   */
  answerSchema?: Record<string, unknown>
}

export interface Answer {
  model: string
  blocks: Block[]
  usage: Usage
  stop: StopReason
}

export type Piece = { type: 'piece'; as: 'text' | 'thinking'; text: string }
/** Something came that is not for showing, as a piece of a tool call is not. */
export type Heard = { type: 'heard'; chars: number }
export type ModelPart = Piece | Heard | { type: 'answer'; answer: Answer }

export interface Model {
  /** Pieces, and then the answer, which is the last part. Throws a `ModelError`, or the signal's reason. */
  stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelPart, void, void>
}

/**
 * `busy`: overloaded or too many requests. `cut`: the answer did not come whole. `unknown-model`: not this one.
 * `too-long`: for the model's window. `budget`: nothing is left to pay with. `refused`: it will not get better.
 */
export type ModelFault = 'busy' | 'cut' | 'unknown-model' | 'too-long' | 'budget' | 'refused'

const codes = {
  busy: 'UNREACHABLE',
  cut: 'UNREACHABLE',
  'unknown-model': 'NOT_FOUND',
  'too-long': 'TOO_LARGE',
  budget: 'BUDGET_REACHED',
  refused: 'BAD_REQUEST',
} as const satisfies Record<ModelFault, ErrorCode>

const detailChars = 500

export class ModelError extends MeshError {
  readonly fault: ModelFault
  readonly retryAfterMs: number | undefined

  constructor(fault: ModelFault, detail: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(codes[fault], { detail: detail.slice(0, detailChars), cause: options.cause })
    this.name = 'ModelError'
    this.fault = fault
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What a status of HTTP says, where the body says no more. */
export function faultOfStatus(status: number): ModelFault {
  if (status === 402) return 'budget'
  if (status === 404) return 'unknown-model'
  if (status === 413) return 'too-long'
  if (status === 408 || status === 409 || status === 429 || status >= 500) return 'busy'
  return 'refused'
}

/** `retry-after` in seconds or as a date, `retry-after-ms`; undefined where neither makes sense. */
export function retryAfterMs(headers: Headers | undefined, now: number): number | undefined {
  const ms = Number.parseFloat(headers?.get('retry-after-ms') ?? '')
  if (ms >= 0) return ms
  const text = headers?.get('retry-after') ?? ''
  if (/^\d+(\.\d+)?$/.test(text)) return Number.parseFloat(text) * 1_000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

export const noUsage: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  }
}

export function tokensOf(usage: Usage): number {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
}
