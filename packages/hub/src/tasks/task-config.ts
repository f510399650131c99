/** How the hub works on tasks, from its settings. */
import { MeshError } from '@meshbook/core/errors.ts'
import { parseAllowedHosts } from './packages-proxy.ts'

export interface TaskConfig {
  /** Tasks with a worker at a time. */
  most: number
  /** Workers that wait for a task. */
  warm: number
  defaults: { model: string; agent: string; budgetMicroUsd: number }
  /** Hosts from which workers may fetch packages. */
  packagesFrom: readonly string[]
}

export const taskSettings = {
  MESHBOOK_TASKS_AT_ONCE: 'agent tasks that have a worker at a time (4)',
  MESHBOOK_TASKS_WARM: 'workers that wait for an agent task, so that it begins sooner (0)',
  MESHBOOK_AGENT_MODEL: 'model of an agent task that names none (claude-sonnet-4-6)',
  MESHBOOK_TASK_PACKAGES: 'hosts from which agent tasks may fetch packages, such as *.example.org (none)',
  MESHBOOK_TASK_BUDGET: 'what an agent task that names no budget may cost, in dollars (5)',
} as const
type TaskSetting = keyof typeof taskSettings

export function parseTasks(setting: (name: TaskSetting) => string | undefined): TaskConfig {
  const number = (name: TaskSetting, usual: number, least: number, most: number): number => {
    const found = Number(setting(name) ?? usual)
    if (found >= least && found <= most) return found
    throw new MeshError('BAD_CONFIG', { detail: `${name}: expected a number from ${least} to ${most}` })
  }
  return {
    most: Math.floor(number('MESHBOOK_TASKS_AT_ONCE', 4, 1, 1_000)),
    warm: Math.floor(number('MESHBOOK_TASKS_WARM', 0, 0, 100)),
    packagesFrom: parseAllowedHosts(setting('MESHBOOK_TASK_PACKAGES') ?? ''),
    defaults: {
      model: setting('MESHBOOK_AGENT_MODEL') ?? 'claude-sonnet-4-6',
      agent: 'meshbook',
      budgetMicroUsd: Math.round(1e6 * number('MESHBOOK_TASK_BUDGET', 5, 0.01, 100_000)),
    },
  }
}
