/** Shapes of the HTTP API for agent tasks, under /api/v1 (beside `api.ts`). A task is a run: its log is `/runs/:id/events`. */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { nameSchema, projectIdSchema, runIdSchema } from './messages.ts'
import { modelWires } from './model-wires.ts'
import { endedStatuses } from './run.ts'
import { branchSchema, commitSchema, usageSchema } from './task-events.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const count = ms
const text = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.taskPromptBytes))

/** https, ssh (`git@host:path` too) or, where the hub allows it, a folder on the hub's machine as `file:`. No credential in it. */
export const repoSchema = v.pipe(
  v.string(),
  v.maxLength(1_000),
  v.check(repo => isRepo(repo), 'expected the address of a git repository without a user name or password in it'),
)

export function isRepo(repo: string): boolean {
  if (/^[\w.-]+@[\w.-]+:[\w./~-]+$/.test(repo)) return !repo.includes('..')
  const url = URL.parse(repo)
  if (!url || !['https:', 'http:', 'ssh:', 'file:'].includes(url.protocol)) return false
  return url.password === '' && (url.username === '' || url.protocol === 'ssh:') && url.search === '' && url.hash === ''
}

/** What a tool may do without asking: everything, after a person agreed, or nothing. */
export const toolRules = ['auto', 'ask', 'never'] as const
export const toolRuleSchema = v.picklist(toolRules)
export type ToolRule = (typeof toolRules)[number]

export const budgetSchema = v.object({
  /** Millionths of a dollar. */
  microUsd: v.optional(v.pipe(count, v.minValue(1))),
  tokens: v.optional(v.pipe(count, v.minValue(1))),
  turns: v.optional(v.pipe(count, v.minValue(1), v.maxValue(limits.turnsPerTask))),
  minutes: v.optional(v.pipe(count, v.minValue(1), v.maxValue(limits.taskMs / 60_000))),
})
export type Budget = v.InferOutput<typeof budgetSchema>

/** `meshbook`: the loop of this program. `acp:NAME`: an agent of somebody else in the image that speaks the Agent Client Protocol. */
export const agentSchema = v.pipe(v.string(), v.regex(/^(meshbook|acp:[a-z0-9-]{1,40})$/))

/** `GET /task-agents`: those that a task may name here. The first does what names none. */
export const taskAgentSchema = v.object({ name: agentSchema })
export type TaskAgent = v.InferOutput<typeof taskAgentSchema>

/** `POST /tasks`. The same id again changes nothing and is answered with the task. */
export const newTaskSchema = v.object({
  id: v.optional(runIdSchema),
  /** Whose secrets and members it is about; without one the first project of the user. */
  project: v.optional(projectIdSchema),
  repo: repoSchema,
  prompt: text,
  /** What it begins from; without one the default branch. */
  base: v.optional(branchSchema),
  /** Under which name it is pushed, below `meshbook/<task>/`. */
  branch: v.optional(branchSchema),
  agent: v.optional(agentSchema),
  model: v.optional(nameSchema),
  budget: v.optional(budgetSchema),
  /** By the name of the tool; what is not named follows the setting of the hub. */
  tools: v.optional(v.record(v.pipe(v.string(), v.maxLength(100)), toolRuleSchema)),
  /** Whether the branch becomes a pull request when it is done. */
  pullRequest: v.optional(v.boolean()),
  /** It goes on from a turn of another one: its conversation and its checkpoint of then. */
  from: v.optional(v.object({ task: runIdSchema, turn: v.pipe(count, v.minValue(0)) })),
})
export type NewTask = v.InferOutput<typeof newTaskSchema>

export const taskStates = ['queued', 'starting', 'working', 'waiting', 'paused', ...endedStatuses] as const

/** `GET /tasks`, `GET /tasks/:id` */
export const taskSchema = v.object({
  id: runIdSchema,
  project: projectIdSchema,
  repo: v.string(),
  prompt: v.string(),
  base: v.nullable(v.string()),
  /** The whole name, as it is pushed. */
  branch: v.string(),
  agent: v.string(),
  model: v.string(),
  /** `waiting`: for a person. */
  state: v.picklist(taskStates),
  /** Why it is not going on, or how it ended, in words. */
  reasons: v.array(v.string()),
  /** How many are before it; 0 when it is next. Null when it is not queued. */
  queuePosition: v.nullable(count),
  turn: count,
  budget: budgetSchema,
  usage: usageSchema,
  microUsd: count,
  commit: v.nullable(commitSchema),
  changed: v.nullable(v.object({ files: count, added: count, removed: count })),
  pullRequest: v.nullable(v.object({ url: v.string(), number: count })),
  requestedBy: v.string(),
  requestedAt: ms,
  startedAt: v.nullable(ms),
  endedAt: v.nullable(ms),
  from: v.nullable(v.object({ task: runIdSchema, turn: count })),
})
export type Task = v.InferOutput<typeof taskSchema>

/** `POST /tasks/:id/messages`: heard at the next turn, once for each id; `GET` lists them with when they were heard. */
export const newTaskMessageSchema = v.object({ id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,64}$/)), text })
export const taskMessageSchema = v.object({
  ...newTaskMessageSchema.entries,
  by: v.string(),
  at: ms,
  /** The turn at which the agent had it. */
  heardAt: v.nullable(ms),
})
export type TaskMessage = v.InferOutput<typeof taskMessageSchema>

/** `POST /tasks/:id/control`: `interrupt` ends the turn that is going on and waits for a message. */
export const taskControlSchema = v.object({ action: v.picklist(['interrupt', 'pause', 'continue', 'stop']) })

/** `POST /tasks/:id/again`: a new task. `turn` keeps the conversation and the work up to there, `prompt` is said next. */
export const repeatTaskSchema = v.object({
  id: v.optional(runIdSchema),
  turn: v.optional(v.pipe(count, v.minValue(1))),
  prompt: v.optional(text),
})

/** `GET /tasks/:id/diff`: of the last checkpoint against where it began, as `git diff` prints it. */
export const taskDiffSchema = v.object({
  base: commitSchema,
  commit: commitSchema,
  files: v.array(
    v.object({
      path: v.string(),
      was: v.nullable(v.string()),
      state: v.picklist(['added', 'changed', 'removed', 'renamed']),
      added: v.nullable(count),
      removed: v.nullable(count),
    }),
  ),
  /** Cut at a whole file where it is larger than `taskDiffBytes`. */
  text: v.string(),
  isCut: v.boolean(),
})
export type TaskDiff = v.InferOutput<typeof taskDiffSchema>

/** `GET /tasks/:id/folder?path=`: of the last checkpoint, before that of the commit where it began. */
export const taskFolderSchema = v.object({
  commit: commitSchema,
  /** Whether there is no checkpoint yet. */
  isBase: v.boolean(),
  path: v.string(),
  entries: v.array(
    v.object({
      name: v.string(),
      kind: v.picklist(['file', 'program', 'folder', 'link', 'module']),
      /** Null of folders and modules. */
      bytes: v.nullable(count),
    }),
  ),
  /** There are more entries than are listed. */
  isCut: v.boolean(),
})
export type TaskFolder = v.InferOutput<typeof taskFolderSchema>

/** `GET /tasks/:id/file?path=` */
export const taskFileSchema = v.object({
  commit: commitSchema,
  path: v.string(),
  bytes: count,
  /** Its first `taskFileBytes`; null where it is no text. */
  text: v.nullable(v.string()),
  isCut: v.boolean(),
})
export type TaskFile = v.InferOutput<typeof taskFileSchema>

/** `GET /tasks/:id/export?as=` */
export const taskExports = ['markdown', 'json'] as const
export type TaskExport = (typeof taskExports)[number]

/** `GET`, `PUT /projects/:id/retention`: how long logs of its runs and tasks are kept after their end. */
export const newRetentionSchema = v.object({
  /** Null: as long as the hub is set to. */
  days: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.retentionMs / 86_400_000))),
})
export const retentionSchema = v.object({ ...newRetentionSchema.entries, hubDays: v.number() })
export type Retention = v.InferOutput<typeof retentionSchema>

/** `GET /keys`, `PUT /keys/:name`: written, never read (S19). A `secret` is what workflows name; no other kind leaves so. */
export const keyKinds = [...modelWires, 'git', 'github-app', 'gitlab', 'secret'] as const
export const newKeySchema = v.object({
  kind: v.picklist(keyKinds),
  value: v.pipe(v.string(), v.minLength(1), v.maxLength(limits.vaultValueBytes)),
  /** Where it is good: an address of a provider, a host of repositories, or the one host that a secret is sent to. */
  at: v.optional(v.pipe(v.string(), v.maxLength(500))),
})
export const keySchema = v.object({
  name: nameSchema,
  kind: v.picklist(keyKinds),
  at: v.nullable(v.string()),
  /** Its last four characters, where it has more than twelve. */
  ends: v.string(),
  createdAt: ms,
  changedAt: ms,
  usedAt: v.nullable(ms),
})
export type StoredKey = v.InferOutput<typeof keySchema>
