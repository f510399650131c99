/** A step that gives a task to an agent, and waits for its branch (WQ46). */
import { asMeshError } from '@meshbook/core/errors.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import { type Executed, type Execution, StepFailure } from '@meshbook/engine/workflow/ports.ts'
import type { Tasks } from '../tasks/tasks.ts'
import { type ActingPorts, actorOf, type RunOfSteps } from './acting.ts'
import { endOfWork, type OutsideWorkPorts, workId } from './outside-work.ts'

export interface AgentStepPorts extends ActingPorts, OutsideWorkPorts {
  tasks: Pick<Tasks, 'submit' | 'show' | 'control'>
}

interface AgentInput {
  models: string[]
  prompt: unknown
  repo: string
}

export async function giveToAgent(ports: AgentStepPorts, run: RunOfSteps, execution: Execution): Promise<Executed> {
  const { store, tasks } = ports
  const { org, project } = run
  const { models, prompt, repo } = execution.input as unknown as AgentInput
  const id = workId('task', run.id, execution)
  if ((await store.query('findTask', { org, id })) === null) {
    const actor = await actorOf(ports, run)
    execution.signal.throwIfAborted()
    // Each attempt asks the next model of the chain.
    const model = models[(execution.attempt - 1) % models.length]!
    await tasks.submit(org, project, actor, { id, repo, prompt: String(prompt), model })
    execution.emit(`task ${id}\n`)
  }
  const task = await endOfWork(ports, run, id, execution.signal, {
    ended: async () => {
      const found = await tasks.show(org, id)
      return hasEnded(found.state as Parameters<typeof hasEnded>[0]) ? found : undefined
    },
    cancel: async () => {
      await tasks.control(org, id, 'stop', 'its workflow').catch((thrown: unknown) => {
        const { code } = asMeshError(thrown)
        if (code !== 'RUN_ENDED' && code !== 'NOT_FOUND') throw thrown
      })
    },
  })
  const row = await store.query('findTask', { org, id })
  const summary = row?.state.finished?.summary ?? ''
  if (task.state === 'completed') return { output: outputOf(task, summary), microUsd: task.microUsd }
  const why = summary || task.reasons.join(' ') || task.state
  throw new StepFailure(task.state === 'failed' ? 'RUN_FAILED' : 'INTERRUPTED', `task ${id}: ${why}`, {
    ...{ known: true, mayRetry: task.state === 'failed', microUsd: task.microUsd },
  })
}

function outputOf({ id, branch, commit, pullRequest, changed }: Task, summary: string) {
  return {
    ...{ task: id, summary, branch: commit === null ? null : branch, commit },
    pullRequest: pullRequest && { ...pullRequest },
    changed: changed && { ...changed },
  }
}
