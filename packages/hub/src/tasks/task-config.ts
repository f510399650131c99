/** How the hub works on tasks, from its settings. */
import {
  type TaskProgram,
  type TaskToolServer,
  taskProgramSchema,
  taskToolServerSchema,
} from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { parseAllowedHosts } from './packages-proxy.ts'

export interface TaskConfig {
  /** Tasks with a worker at a time. */
  most: number
  /** Workers that wait for a task. */
  warm: number
  defaults: { model: string; agent: string; budgetMicroUsd: number }
  /** Hosts from which workers may fetch packages. */
  packagesFrom: readonly string[]
  /** Programs that a task may name as `acp:NAME`; what is not here cannot be begun (TK40). */
  agents: ReadonlyMap<string, TaskProgram>
  /** Servers of tools, for every task of our own agent (TK41). */
  toolServers: readonly TaskToolServer[]
}

export const taskSettings = {
  MESHBOOK_TASKS_AT_ONCE: 'agent tasks that have a worker at a time (4)',
  MESHBOOK_TASKS_WARM: 'workers that wait for an agent task, so that it begins sooner (0)',
  MESHBOOK_AGENT_MODEL: 'model of an agent task that names none (claude-sonnet-4-6)',
  MESHBOOK_TASK_PACKAGES: 'hosts from which agent tasks may fetch packages, such as *.example.org (none)',
  MESHBOOK_TASK_AGENTS:
    'agents of others that tasks may name, as JSON: {"NAME": {"argv": ["PROGRAM", "WORD"], "env": {}}}; they speak ACP and are in the image (none)',
  MESHBOOK_TASK_TOOL_SERVERS:
    'MCP servers in the sandbox, as JSON: {"NAME": {"argv": ["PROGRAM"], "rule": "ask", "tools": {"TOOL": "auto"}}} (none)',
  MESHBOOK_TASK_BUDGET: 'what an agent task that names no budget may cost, in dollars (5)',
} as const
type TaskSetting = keyof typeof taskSettings

const program = { ...taskProgramSchema.entries, env: v.optional(taskProgramSchema.entries.env, {}) }
const agentName = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/))
const agentsSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.record(agentName, v.strictObject(program)),
  v.check(agents => Object.keys(agents).length <= limits.agentsPerHub),
)
const { name: serverName, rule, tools } = taskToolServerSchema.entries
const toolServersSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.record(serverName, v.strictObject({ ...program, rule: v.optional(rule, 'ask'), tools: v.optional(tools, {}) })),
  v.check(servers => Object.keys(servers).length <= limits.mcpServersPerTask),
)

export function parseTasks(setting: (name: TaskSetting) => string | undefined): TaskConfig {
  const number = (name: TaskSetting, usual: number, least: number, most: number): number => {
    const found = Number(setting(name) ?? usual)
    if (found >= least && found <= most) return found
    throw new MeshError('BAD_CONFIG', { detail: `${name}: expected a number from ${least} to ${most}` })
  }
  const json = <Of>(name: TaskSetting, schema: v.GenericSchema<unknown, Of>, such: string): Of => {
    const parsed = v.safeParse(schema, setting(name) ?? '{}')
    if (parsed.success) return parsed.output
    throw new MeshError('BAD_CONFIG', { detail: `${name}: expected JSON such as ${such}` })
  }
  const agents = json('MESHBOOK_TASK_AGENTS', agentsSchema, '{"mine": {"argv": ["my-agent", "--acp"]}}')
  const servers = json('MESHBOOK_TASK_TOOL_SERVERS', toolServersSchema, '{"docs": {"argv": ["docs-server"]}}')
  return {
    agents: new Map(Object.entries(agents).map(([name, one]) => [`acp:${name}`, one])),
    toolServers: Object.entries(servers).map(([name, server]) => ({ name, ...server })),
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
