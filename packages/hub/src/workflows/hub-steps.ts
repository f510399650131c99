/** What the steps of a workflow do at a hub, and what it cannot do (WQ40). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Steps, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Executed, StepExecutor } from '@meshbook/engine/workflow/ports.ts'
import type { PromptInput } from '@meshbook/engine/workflow/steps/prompt-step.ts'
import type { HubConfig } from '../config.ts'
import type { ModelsConfig } from '../gateway/models-config.ts'
import type { Secret } from '../vault/secret.ts'
import type { Vault } from '../vault/vault.ts'
import { type ActingPorts, actorOf, payerOf, type RunOfSteps, refused } from './acting.ts'
import { type AgentStepPorts, giveToAgent } from './agent-step.ts'
import { type CellStepsPorts, runCell, runNotebook } from './cell-steps.ts'
import { sendRequest } from './http-step.ts'
import { tellBeginner } from './notify-step.ts'
import { askThroughGateway, type PromptPorts, promptBound } from './prompt-step.ts'
import { type PublishStepPorts, publishDocument } from './publish-step.ts'

export interface HubStepsPorts extends PromptPorts, ActingPorts, CellStepsPorts, AgentStepPorts, PublishStepPorts {
  vault: Pick<Vault, 'open'>
  config: { models: ModelsConfig; tasks: Pick<HubConfig['tasks'], 'defaults'> }
  /** Addresses of the hub's own network may be asked. */
  allowsPrivate: boolean
}

/** Throws BAD_WORKFLOW with every step that a hub cannot do, before anything of it is begun. */
export function refuseUnavailable(workflows: readonly Workflow[]): void {
  const missing = workflows.flatMap(({ name, steps }) => unavailableIn(steps, `${name}: `))
  if (missing.length > 0) throw new MeshError('BAD_WORKFLOW', { detail: missing.join('\n') })
}

function unavailableIn(steps: Steps, prefix: string): string[] {
  return Object.entries(steps).flatMap(([id, step]) => {
    const own: string[] = []
    if (step.notify?.ways?.every(way => way === 'desktop'))
      own.push(`${prefix}${id}: a hub has no desktop; name push, email or slack, or leave out ways`)
    const inside = step.map ?? step.repeat
    return inside ? [...own, ...unavailableIn(inside.steps, `${prefix}${id}.`)] : own
  })
}

export function hubSteps(ports: HubStepsPorts, run: RunOfSteps): StepExecutor {
  const { vault, config, allowsPrivate } = ports
  const { org } = run
  const secretNamed = async (name: string, to: string): Promise<Secret> => {
    const { who } = await actorOf(ports, run)
    if (who.org !== org) throw refused('FORBIDDEN', 'keys of the vault are for users of this hub who began the run')
    const key = await vault.open(org, name, 'a workflow')
    const missing = (detail: string): Error => refused('KEY_MISSING', detail)
    if (!key) throw missing(`the vault has no key "${name}"; \`meshbook keys set ${name} --kind secret\` sets it`)
    if (key.kind !== 'secret')
      throw missing(`the key "${name}" is of kind ${key.kind}: workflows send those of kind secret alone`)
    if (key.at !== null && key.at !== to) throw missing(`the secret "${name}" is for ${key.at} alone, not for ${to}`)
    return key.secret
  }
  return {
    estimate: (kind, input) => {
      if (kind === 'prompt') return promptBound(input as unknown as PromptInput, config.models.prices)
      return kind === 'agent' ? config.tasks.defaults.budgetMicroUsd : null
    },
    goesOn: kind => kind === 'cell' || kind === 'notebook' || kind === 'agent',
    async execute(execution): Promise<Executed> {
      switch (execution.kind) {
        case 'http':
          return sendRequest(execution, secretNamed, allowsPrivate)
        case 'prompt':
          return askThroughGateway(ports, await payerOf(ports, run), execution)
        case 'notify':
          return tellBeginner(ports, run, await actorOf(ports, run), execution)
        case 'cell':
          return runCell(ports, run, execution)
        case 'notebook':
          return runNotebook(ports, run, execution)
        case 'agent':
          return giveToAgent(ports, run, execution)
        case 'publish':
          return publishDocument(ports, run, execution)
        default:
          throw refused('BAD_WORKFLOW', `a step of kind ${execution.kind} is none that is executed`)
      }
    },
  }
}
