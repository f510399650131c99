/** What the steps of a workflow do at a hub, and which of them it cannot do (WQ40). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import { kindOf, type StepKind, type Steps, type Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Executed, type StepExecutor, StepFailure } from '@meshbook/engine/workflow/ports.ts'
import type { Secret } from '../vault/secret.ts'
import type { Vault } from '../vault/vault.ts'
import { sendRequest } from './http-step.ts'

export interface HubStepsPorts {
  vault: Pick<Vault, 'open'>
  /** Addresses of the hub's own network may be asked. */
  allowsPrivate: boolean
}

const notHere: Partial<Record<StepKind, string>> = {
  prompt: 'run the file with `meshbook workflow run` on a machine that has the key',
  notebook: 'run the notebook with `meshbook run` and let a step of kind http or gate follow',
  cell: 'run it with `meshbook run`, or use a step of kind transform',
  agent: 'give the work with `meshbook task`',
  notify: 'use a gate, which tells people, or http to a webhook',
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
    const inside = step.map ?? step.repeat
    return inside ? [...own, ...unavailableIn(inside.steps, `${prefix}${id}.`)] : own
  })
}

export function hubSteps({ vault, allowsPrivate }: HubStepsPorts, org: OrgId): StepExecutor {
  const refused = (detail: string): StepFailure =>
    new StepFailure('KEY_MISSING', detail, { known: true, mayRetry: false })
  const secretNamed = async (name: string, to: string): Promise<Secret> => {
    const key = await vault.open(org, name, 'a workflow')
    if (!key) throw refused(`the vault has no key "${name}"; \`meshbook keys set ${name} --kind secret\` sets it`)
    if (key.kind !== 'secret')
      throw refused(`the key "${name}" is of kind ${key.kind}: workflows send those of kind secret alone`)
    if (key.at !== null && key.at !== to) throw refused(`the secret "${name}" is for ${key.at} alone, not for ${to}`)
    return key.secret
  }
  return {
    estimate: () => null,
    async execute(execution): Promise<Executed> {
      if (execution.kind === 'http') return sendRequest(execution, secretNamed, allowsPrivate)
      throw new StepFailure('BAD_WORKFLOW', `a hub does no steps of kind ${execution.kind} yet`, {
        known: true,
        mayRetry: false,
      })
    },
  }
}
