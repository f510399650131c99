/** The steps that one machine can do by itself, without a hub: what each kind does, and what it says where it cannot. */
import { MeshError } from '@meshbook/core/errors.ts'
import { wireNamed } from '@meshbook/core/model-wires.ts'
import { type Json, kindOf, type StepKind, type Steps, type Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Model } from '@meshbook/engine/agent/model.ts'
import { AnthropicModel } from '@meshbook/engine/agent/models/anthropic-model.ts'
import { GeminiModel } from '@meshbook/engine/agent/models/gemini-model.ts'
import { OpenAiModel } from '@meshbook/engine/agent/models/openai-model.ts'
import { type Executed, type Execution, type StepExecutor, StepFailure } from '@meshbook/engine/workflow/ports.ts'
import { askModels, type PromptInput, promptEstimate } from '@meshbook/engine/workflow/steps/prompt-step.ts'
import { Secret } from '@meshbook/hub/vault/secret.ts'
import { sendRequest } from '@meshbook/hub/workflows/http-step.ts'

export interface HereOptions {
  env: NodeJS.ProcessEnv
  allowsPrivate: boolean
  tell(text: string): void
  clock(): number
}

const needsHub: Partial<Record<StepKind, string>> = {
  notebook: 'run the notebook with `meshbook run` and let a step of kind http or gate follow',
  cell: 'run it with `meshbook run`, or use a step of kind transform',
  agent: 'give the work with `meshbook task`',
  publish: 'publish with `meshbook publish` once the workflow has ended',
}

/** Steps of a file that this machine cannot do alone, in words; found before anything of it is done. */
export function unavailableHere(workflow: Workflow): string[] {
  return inSteps(workflow.steps, '')
}

function inSteps(steps: Steps, prefix: string): string[] {
  return Object.entries(steps).flatMap(([id, step]) => {
    const kind = kindOf(step)
    const path = `${prefix}${id}`
    const todo = needsHub[kind]
    const own = todo === undefined ? [] : [`${path}: a step of kind ${kind} needs a hub; ${todo}`]
    const far = (step.notify?.ways ?? []).filter(way => way !== 'desktop')
    if (far.length > 0) own.push(`${path}: ${far.join(', ')} need a hub; use ways: [desktop]`)
    const inside = step.map ?? step.repeat
    return [...own, ...(inside ? inSteps(inside.steps, `${path}.`) : [])]
  })
}

export function stepsHere(options: HereOptions): StepExecutor {
  return {
    estimate: (kind, input) => (kind === 'prompt' ? promptEstimate(input as unknown as PromptInput) : null),
    async execute(execution): Promise<Executed> {
      switch (execution.kind) {
        case 'http':
          return sendRequest(execution, name => secretNamed(name, options.env), options.allowsPrivate)
        case 'prompt':
          return askModels(execution, name => modelNamed(name, options))
        case 'notify':
          return notify(execution, options)
        default:
          throw new StepFailure('NO_DEVICE', `a step of kind ${execution.kind} needs a hub`, {
            known: true,
            mayRetry: false,
          })
      }
    },
  }
}

function notify({ input }: Execution, { tell }: HereOptions): Executed {
  const { title, text } = input as { title: Json; text?: Json }
  tell(
    [title, text]
      .filter(one => one !== undefined && one !== '')
      .map(String)
      .join('\n'),
  )
  return { output: { title } }
}

/** Secrets of workflows have names of their own in the environment, so that a file cannot ask for any other. */
function secretNamed(name: string, env: NodeJS.ProcessEnv): Secret {
  const value = env[`MESHBOOK_SECRET_${name}`]
  if (value) return new Secret(value)
  throw new StepFailure('KEY_MISSING', `set MESHBOOK_SECRET_${name} in the environment`, {
    known: true,
    mayRetry: false,
  })
}

function modelNamed(name: string, { env, clock }: HereOptions): Model {
  const options = { fetch, clock }
  switch (wireNamed(name)) {
    case 'anthropic':
      return new AnthropicModel({
        ...options,
        key: keyIn(env, 'ANTHROPIC_API_KEY', name),
        baseUrl: env.ANTHROPIC_BASE_URL ?? 'https://api.anthropic.com',
      })
    case 'gemini':
      return new GeminiModel({
        ...options,
        key: keyIn(env, 'GEMINI_API_KEY', name),
        baseUrl: env.GOOGLE_GEMINI_BASE_URL ?? 'https://generativelanguage.googleapis.com',
      })
    default:
      return new OpenAiModel({
        ...options,
        key: keyIn(env, 'OPENAI_API_KEY', name),
        baseUrl: env.OPENAI_BASE_URL ?? 'https://api.openai.com/v1',
      })
  }
}

function keyIn(env: NodeJS.ProcessEnv, variable: string, model: string): string {
  const key = env[variable]
  if (key) return key
  throw new StepFailure('KEY_MISSING', `set ${variable} in the environment to ask ${model}`, {
    known: true,
    mayRetry: false,
  })
}

export function refuseUnavailable(workflows: readonly Workflow[]): void {
  const missing = workflows.flatMap(workflow => unavailableHere(workflow).map(line => `${workflow.name}: ${line}`))
  if (missing.length > 0) throw new MeshError('BAD_WORKFLOW', { detail: missing.join('\n  ') })
}
