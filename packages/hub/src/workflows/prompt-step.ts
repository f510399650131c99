/** A step that asks models, through the gateway of the hub: its keys, its budgets and its ledger (WQ42). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import { type ModelWire, wireNamed } from '@meshbook/core/model-wires.ts'
import type { Model, ModelRequest } from '@meshbook/engine/agent/model.ts'
import { AnthropicModel } from '@meshbook/engine/agent/models/anthropic-model.ts'
import { anthropicRequest } from '@meshbook/engine/agent/models/anthropic-request.ts'
import { GeminiModel } from '@meshbook/engine/agent/models/gemini-model.ts'
import { OpenAiModel } from '@meshbook/engine/agent/models/openai-model.ts'
import { openAiRequest } from '@meshbook/engine/agent/models/openai-request.ts'
import {
  asStepFailure,
  type Estimate,
  type Executed,
  type Execution,
  StepFailure,
} from '@meshbook/engine/workflow/ports.ts'
import { askModels, type PromptInput, requestFor } from '@meshbook/engine/workflow/steps/prompt-step.ts'
import { type GatewayCallsPorts, gatewayCalls } from '../gateway/gateway-calls.ts'
import type { ModelAsker } from '../gateway/model-gateway.ts'
import { orderOf } from '../gateway/model-order.ts'
import type { ModelsConfig } from '../gateway/models-config.ts'

export interface PromptPorts extends GatewayCallsPorts {
  now: Now
}

/** What the gateway would hold for the dearest of its models. */
export function promptBound(input: PromptInput, prices: ModelsConfig['prices']): Estimate {
  let most = 0
  for (const name of input.models) {
    const bound = boundOf(requestFor(name, input), prices)
    if (bound === 'unknown') return 'unknown'
    most = Math.max(most, bound)
  }
  return most
}

function boundOf(request: ModelRequest, prices: ModelsConfig['prices']): number | 'unknown' {
  try {
    const { source, microUsd } = orderFor(wireOf(request.model), request, prices)
    return source === 'dearest' ? 'unknown' : microUsd
  } catch (thrown) {
    // What cannot be asked is refused when it is, and costs nothing.
    if (thrown instanceof MeshError) return 0
    throw thrown
  }
}

function orderFor(wire: ModelWire, request: ModelRequest, prices: ModelsConfig['prices']) {
  switch (wire) {
    case 'anthropic':
      return orderOf('messages', bytesOf(anthropicRequest(request)), prices)
    case 'openai':
      return orderOf('chat', bytesOf(openAiRequest(request)), prices)
    case 'gemini':
      return orderOf('contents', bytesOf(geminiBody(request)), prices, request.model)
  }
}

const bytesOf = (body: object): Buffer => Buffer.from(JSON.stringify(body))

/** As its client sends it. */
function geminiBody({ system, messages, maxOutputTokens, answerSchema }: ModelRequest): object {
  return {
    contents: messages.map(message => ({
      role: 'user',
      parts: [{ text: message.role === 'user' ? message.text : '' }],
    })),
    systemInstruction: { role: 'user', parts: [{ text: system }] },
    generationConfig: {
      maxOutputTokens,
      ...(answerSchema && { responseMimeType: 'application/json', responseJsonSchema: answerSchema }),
    },
  }
}

/** Its cost is what the ledger was told, of all the models that were asked. */
export async function askThroughGateway(
  ports: PromptPorts,
  asker: ModelAsker,
  execution: Execution,
): Promise<Executed> {
  const { fetch, end } = gatewayCalls(ports, asker)
  try {
    const { output } = await askModels(execution, name => modelNamed(name, { fetch, key: 'none', clock: ports.now }))
    return { output, microUsd: await end() }
  } catch (thrown) {
    const microUsd = await end()
    if (execution.signal.aborted) throw thrown
    const { code, message, detail = message, mayRetry, retryAfterMs } = asStepFailure(thrown)
    throw new StepFailure(code, detail, { known: true, mayRetry, retryAfterMs, microUsd, cause: thrown })
  }
}

type ModelOptions = ConstructorParameters<typeof AnthropicModel>[0]

/** The gateway is behind every host. */
function modelNamed(name: string, options: Omit<ModelOptions, 'baseUrl'>): Model {
  const baseUrl = 'http://models'
  switch (wireOf(name)) {
    case 'anthropic':
      return new AnthropicModel({ ...options, baseUrl })
    case 'gemini':
      return new GeminiModel({ ...options, baseUrl })
    case 'openai':
      return new OpenAiModel({ ...options, baseUrl: `${baseUrl}/v1` })
  }
}

const wireOf = (name: string): ModelWire => wireNamed(name) ?? 'openai'
