/**
 * A step that asks a model. Of its models the next is asked when one is overloaded or cannot be reached and has said
 * nothing yet; what has begun to answer, and what refuses the key, ends the attempt. An answer with a schema is checked.
 */
import { limits } from '@meshbook/core/limits.ts'
import { costOf, mostCost, priceOf } from '@meshbook/core/model-prices.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Answer, type Model, ModelError, type ModelRequest } from '../../agent/model.ts'
import { schemaFaults } from '../json-schema.ts'
import { type Estimate, type Executed, type Execution, StepFailure } from '../ports.ts'

export interface PromptInput {
  models: string[]
  system?: string
  user: string
  schema?: { [key: string]: Json }
  max_tokens?: number
}

/** Who answers for a model; throws where there is no key or nobody knows the name. */
export type ModelNamed = (name: string) => Model

const defaultTokens = 8_192

export function promptEstimate(input: PromptInput): Estimate {
  // No token is shorter than a byte; what is around a request is less than a thousand of them.
  const text = JSON.stringify([input.system, input.user, input.schema])
  const inputTokens = new TextEncoder().encode(text).length + 1_000
  const outputTokens = input.max_tokens ?? defaultTokens
  let most = 0
  for (const name of input.models) {
    const { price, source } = priceOf(name)
    if (source === 'dearest') return 'unknown'
    most = Math.max(most, mostCost(price, { inputTokens, outputTokens }, 'nothing'))
  }
  return most
}

export async function askModels(execution: Execution, modelNamed: ModelNamed): Promise<Executed> {
  const input = execution.input as unknown as PromptInput
  const { signal, emit } = execution
  for (const [at, name] of input.models.entries()) {
    const isLast = at === input.models.length - 1
    const heard = { anything: false }
    try {
      const answer = await answerOf(modelNamed(name), requestFor(name, input), heard, signal)
      return executed(name, input, answer)
    } catch (thrown) {
      if (!(thrown instanceof ModelError)) throw thrown
      const isOut = thrown.fault === 'busy' || thrown.fault === 'cut'
      if (heard.anything || !isOut || isLast) throw failureOf(thrown, heard.anything)
      emit(`${name}: ${thrown.detail}; ${input.models[at + 1]} is asked instead\n`)
    }
  }
  throw new StepFailure('BAD_REQUEST', 'there is no model', { known: true, mayRetry: false })
}

/** What a model of the chain is asked. */
export function requestFor(model: string, { system = '', user, schema, max_tokens }: PromptInput): ModelRequest {
  return {
    model,
    system,
    messages: [{ role: 'user', text: user }],
    tools: [],
    maxOutputTokens: max_tokens ?? defaultTokens,
    ...(schema ? { answerSchema: schema } : {}),
  }
}

async function answerOf(
  model: Model,
  request: ModelRequest,
  heard: { anything: boolean },
  signal: AbortSignal,
): Promise<Answer> {
  let chars = 0
  for await (const part of model.stream(request, signal)) {
    if (part.type === 'answer') return part.answer
    heard.anything = true
    chars += part.type === 'piece' ? part.text.length : part.chars
    if (chars > limits.modelAnswerBytes) throw new ModelError('refused', 'the answer is larger than allowed')
  }
  throw new ModelError('cut', 'the answer ended in its middle')
}

function failureOf(error: ModelError, hasBegun: boolean): StepFailure {
  const mayRetry = error.fault === 'busy' || error.fault === 'cut'
  const retryAfterMs = error.retryAfterMs ?? 0
  // What was refused costs nothing; of what had begun nobody says what it cost.
  return new StepFailure(error.code, error.detail ?? error.message, {
    known: !hasBegun,
    mayRetry,
    retryAfterMs,
    cause: error,
  })
}

function executed(name: string, { schema }: PromptInput, answer: Answer): Executed {
  const microUsd = costOf(priceOf(name).price, answer.usage)
  const said = answer.blocks.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('')
  const fail = (why: string): never => {
    throw new StepFailure('BAD_REQUEST', why, { known: true, mayRetry: true, microUsd })
  }
  if (answer.stop === 'refused') fail(`${name} refused to answer`)
  if (answer.stop === 'length') fail(`the answer of ${name} was cut at its greatest length; raise max_tokens`)
  if (!schema) return { output: said, microUsd }
  const value = jsonIn(said)
  if (value === undefined) return fail(`the answer of ${name} is no JSON`)
  const faults = schemaFaults(schema, value)
  if (faults.length > 0) fail(`the answer of ${name} does not fit the schema: ${faults.join('; ')}`)
  return { output: value, microUsd }
}

function jsonIn(text: string): Json | undefined {
  const [, fenced] = /```(?:json)?\s*\n([\s\S]*?)\n```/.exec(text) ?? []
  try {
    return JSON.parse(fenced ?? text) as Json
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}
