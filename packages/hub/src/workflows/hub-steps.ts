/** What the steps of a workflow do at a hub, and which of them it cannot do (WQ40). */
import { MeshError } from '@meshbook/core/errors.ts'
import { kindOf, type StepKind, type Steps, type Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Executed, StepExecutor } from '@meshbook/engine/workflow/ports.ts'
import type { PromptInput } from '@meshbook/engine/workflow/steps/prompt-step.ts'
import type { ModelsConfig } from '../gateway/models-config.ts'
import type { Vault } from '../vault/vault.ts'
import { type ActingPorts, actorOf, payerOf, type RunOfSteps, refused } from './acting.ts'
import { sendRequest } from './http-step.ts'
import { tellBeginner } from './notify-step.ts'
import { askThroughGateway, type PromptPorts, promptBound } from './prompt-step.ts'

export interface HubStepsPorts extends PromptPorts, ActingPorts {
  vault: Pick<Vault, 'open'>
  config: { models: ModelsConfig }
  /** Addresses of the hub's own network may be asked. */
  allowsPrivate: boolean
}

const notHere: Partial<Record<StepKind, string>> = {
  notebook: 'run the notebook with `meshbook run` and let a step of kind http or gate follow',
  cell: 'run it with `meshbook run`, or use a step of kind transform',
  agent: 'give the work with `meshbook task`',
  publish: 'publish with `meshbook publish` once the workflow has ended',
}

/** Throws BAD_WORKFLOW with every step that a hub cannot do, before anything of it is begun. */
export function refuseUnavailable(workflows: readonly Workflow[]): void {
  const missing = workflows.flatMap(({ name, steps }) => unavailableIn(steps, `${name}: `))
  if (missing.length > 0) throw new MeshError('BAD_WORKFLOW', { detail: missing.join('\n') })
}

function unavailableIn(steps: Steps, prefix: string): string[] {
  return Object.entries(steps).flatMap(([id, step]) => {
    const kind = kindOf(step)
    const todo = notHere[kind]
    const own = todo === undefined ? [] : [`${prefix}${id}: a hub does no steps of kind ${kind} yet; ${todo}`]
    if (step.notify?.ways?.every(way => way === 'desktop'))
      own.push(`${prefix}${id}: a hub has no desktop; name push, email or slack, or leave out ways`)
    const inside = step.map ?? step.repeat
    return inside ? [...own, ...unavailableIn(inside.steps, `${prefix}${id}.`)] : own
  })
}

export function hubSteps(ports: HubStepsPorts, run: RunOfSteps): StepExecutor {
  const { vault, config, allowsPrivate } = ports
  const { org } = run
  const secretNamed = async (name: string): Promise<string> => {
    const { who } = await actorOf(ports, run)
    if (who.org !== org) throw refused('FORBIDDEN', 'keys of the vault are for users of this hub who began the run')
    const key = await vault.open(org, name, 'a workflow')
    if (key) return key.secret.reveal()
    throw refused('KEY_MISSING', `the vault has no key "${name}"`)
  }
  return {
    estimate: (kind, input) =>
      kind === 'prompt' ? promptBound(input as unknown as PromptInput, config.models.prices) : null,
    async execute(execution): Promise<Executed> {
      switch (execution.kind) {
        case 'http':
          return sendRequest(execution, secretNamed, allowsPrivate)
        case 'prompt':
          return askThroughGateway(ports, await payerOf(ports, run), execution)
        case 'notify':
          return tellBeginner(ports, run, await actorOf(ports, run), execution)
        default:
          throw refused('BAD_WORKFLOW', `a hub does no steps of kind ${execution.kind} yet`)
      }
    },
  }
}
