/** The agents that a task may name, as the hub said last: kept in this browser, so that one is chosen without the hub too (TP22). */
import { listOf } from '@meshbook/core/api.ts'
import { type TaskAgent, taskAgentSchema } from '@meshbook/core/tasks-api.ts'
import { useEffect, useState } from 'preact/hooks'
import { parse } from 'valibot'
import { tasksApi } from './tasks-api.ts'

const key = 'meshbook.task-agents'

/** The first is the hub's own; empty while nothing is known. */
export function useAgents(): readonly TaskAgent['name'][] {
  const [agents, setAgents] = useState(readAgents)
  useEffect(() => {
    tasksApi.agents().then(
      found => {
        keepAgents(found)
        setAgents(found)
      },
      // Those of last time can be chosen; the hub refuses one that it does not know any more.
      () => undefined,
    )
  }, [])
  return agents
}

function readAgents(): TaskAgent['name'][] {
  try {
    return parse(listOf(taskAgentSchema), JSON.parse(localStorage.getItem(key) ?? '{"items":[]}')).items.map(
      ({ name }) => name,
    )
  } catch {
    return []
  }
}

function keepAgents(names: readonly string[]): void {
  try {
    localStorage.setItem(key, JSON.stringify({ items: names.map(name => ({ name })) }))
  } catch {
    // Storage is blocked or full: they are asked for again.
  }
}
