/**
 * The file of a workflow, `workflow/v1`, as a schema: every key that is taken, and nothing else. What YAML means is not
 * changed here: durations and expressions stay texts, so that the schema that is published describes what is written.
 */
import * as v from 'valibot'
import { hookKinds } from '../hooks-api.ts'
import { limits } from '../limits.ts'
import { isCron } from './cron.ts'
import { durationMs } from './duration.ts'
import { isGlob } from './glob.ts'
import { isTimeZone } from './time-zone.ts'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** Any text; `${{ … }}` in it is an expression. */
const template = v.pipe(v.string(), v.maxLength(limits.workflowTextBytes))
/** CEL alone, with or without `${{ }}` around it. */
const expression = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.expressionChars))
const line = v.pipe(v.string(), v.minLength(1), v.maxLength(200))
const number = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most))
/** What is no JSON stays out: `parseWorkflow` has looked at every value before. */
const anything = v.unknown() as v.GenericSchema<Json>

const durationPattern = /^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/
const duration = v.pipe(
  v.string(),
  v.regex(durationPattern, 'expected a duration such as 500ms, 30s, 10m, 24h or 7d'),
  v.check(
    text => (durationMs(text) ?? 0) > 0 && durationMs(text)! <= limits.workflowMs,
    'expected a duration of 1ms to 366d',
  ),
)

export const stepIdPattern = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/
export const stepIdSchema = v.pipe(
  v.string(),
  v.regex(stepIdPattern, 'expected a name of letters, digits, - and _, which begins with a letter'),
)
/** Of inputs, secrets and signals. */
const plainName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'expected a name of letters, digits and _'),
)

const retry = v.strictObject({
  /** In all, the first included. */
  attempts: v.optional(number(1, limits.attemptsPerStep)),
  backoff: v.optional(v.picklist(['exponential', 'constant'])),
  initial: v.optional(duration),
  jitter: v.optional(v.boolean()),
})
export type Retry = v.InferOutput<typeof retry>

export const inputTypes = ['string', 'number', 'integer', 'boolean', 'list', 'object', 'secret'] as const
const input = v.strictObject({
  type: v.picklist(inputTypes),
  default: v.optional(anything),
})
export type Input = v.InferOutput<typeof input>

const headers = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'expected the name of a header')),
    template,
  ),
  v.maxEntries(50),
)
const jsonSchema = v.record(v.string(), anything)

export const httpSchema = v.strictObject({
  url: template,
  method: v.optional(v.picklist(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])),
  headers: v.optional(headers),
  body: v.optional(anything),
  /** Statuses that are no failure; without it those from 200 to 299. */
  accept: v.optional(v.pipe(v.array(number(100, 599)), v.minLength(1), v.maxLength(50))),
})
export const cellSchema = v.strictObject({ language: line, code: template, session: v.optional(template) })
export const notebookSchema = v.strictObject({ document: template, session: v.optional(template) })
export const promptSchema = v.strictObject({
  models: v.pipe(v.array(line), v.minLength(1), v.maxLength(10)),
  system: v.optional(template),
  user: template,
  schema: v.optional(jsonSchema),
  max_tokens: v.optional(number(1, 1_000_000)),
})
export const agentSchema = v.strictObject({
  models: v.pipe(v.array(line), v.minLength(1), v.maxLength(10)),
  prompt: template,
  repo: template,
})
export const notifyWays = ['push', 'email', 'slack', 'desktop'] as const
const ways = v.pipe(v.array(v.picklist(notifyWays)), v.minLength(1), v.maxLength(notifyWays.length))
export const notifySchema = v.strictObject({ title: template, text: v.optional(template), ways: v.optional(ways) })
export const publishSchema = v.strictObject({ document: template })
export const gateSchema = v.strictObject({
  ask: template,
  /** What is decided about, in full. */
  show: v.optional(template),
  choices: v.optional(v.pipe(v.array(line), v.minLength(2), v.maxLength(20))),
  /** A JSON Schema of what is to be filled in. */
  form: v.optional(jsonSchema),
  timeout: v.optional(duration),
  on_timeout: v.optional(v.picklist(['reject', 'approve', 'fail'])),
  notify: v.optional(ways),
})
export const waitSchema = v.strictObject({ for: v.optional(duration), signal: v.optional(plainName) })
export const childSchema = v.strictObject({
  /** Of the file, from the one that names it. */
  file: v.pipe(v.string(), v.minLength(1), v.maxLength(limits.pathBytes)),
  inputs: v.optional(v.record(plainName, anything)),
})
const transform = v.union([expression, v.record(v.string(), anything), v.array(anything)])

export const stepKinds = [
  'notebook',
  'cell',
  'prompt',
  'agent',
  'http',
  'transform',
  'map',
  'repeat',
  'gate',
  'wait',
  'workflow',
  'notify',
  'publish',
] as const
export type StepKind = (typeof stepKinds)[number]

const runsOn = v.union([
  line,
  v.strictObject({
    device: v.optional(line),
    requires: v.optional(v.pipe(v.array(line), v.maxLength(limits.requirementsPerRun))),
  }),
])

export type Steps = { [id: string]: Step }
export interface MapStep {
  over: string | Json[]
  steps: Steps
  max_parallel?: number | undefined
  output?: Json | undefined
}
export interface RepeatStep {
  steps: Steps
  until: string
  max: number
  output?: Json | undefined
}

const stepsSchema: v.GenericSchema<Steps> = v.lazy(() => stepsOfSchema)
export const mapSchema: v.GenericSchema<MapStep> = v.strictObject({
  over: v.union([template, v.array(anything)]),
  max_parallel: v.optional(number(1, limits.parallelPerMap)),
  steps: stepsSchema,
  output: v.optional(anything),
})
export const repeatSchema: v.GenericSchema<RepeatStep> = v.strictObject({
  until: expression,
  max: number(1, limits.roundsPerRepeat),
  steps: stepsSchema,
  output: v.optional(anything),
})

export const stepSchema = v.strictObject({
  needs: v.optional(v.union([stepIdSchema, v.pipe(v.array(stepIdSchema), v.maxLength(limits.needsPerStep))])),
  if: v.optional(expression),
  /** `fail`, `continue`, or the step that is the way out. */
  on_error: v.optional(stepIdSchema),
  timeout: v.optional(duration),
  retry: v.optional(retry),
  'runs-on': v.optional(runsOn),
  notebook: v.optional(notebookSchema),
  cell: v.optional(cellSchema),
  prompt: v.optional(promptSchema),
  agent: v.optional(agentSchema),
  http: v.optional(httpSchema),
  transform: v.optional(transform),
  map: v.optional(mapSchema),
  repeat: v.optional(repeatSchema),
  gate: v.optional(gateSchema),
  wait: v.optional(waitSchema),
  workflow: v.optional(childSchema),
  notify: v.optional(notifySchema),
  publish: v.optional(publishSchema),
})
export type Step = v.InferOutput<typeof stepSchema>

const stepsOfSchema = v.pipe(
  v.record(stepIdSchema, stepSchema),
  v.minEntries(1, 'expected at least one step'),
  v.maxEntries(limits.stepsPerScope),
)

const workflowName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'expected a name of letters, digits, . - and _'),
)
/** Inputs of the run that is started; expressions in them may name `event`. */
const eventInputs = v.optional(v.pipe(v.record(plainName, anything), v.maxEntries(limits.inputsPerWorkflow)))

const schedule = v.strictObject({
  cron: v.pipe(v.string(), v.maxLength(200), v.check(isCron, 'expected five fields: minute hour day month weekday')),
  timezone: v.optional(
    v.pipe(v.string(), v.maxLength(64), v.check(isTimeZone, 'expected a time zone such as Europe/Paris')),
  ),
  /** What becomes of times that passed while nobody could run it. */
  missed: v.optional(v.picklist(['skip', 'once', 'all'])),
  inputs: eventInputs,
})
export type Schedule = v.InferOutput<typeof schedule>

const webhook = v.strictObject({
  secret: plainName,
  /** Whose signature and event it has. */
  from: v.optional(v.picklist(hookKinds)),
  inputs: eventInputs,
})
export type Webhook = v.InferOutput<typeof webhook>

const glob = v.pipe(
  v.string(),
  v.maxLength(limits.pathBytes),
  v.check(isGlob, 'expected a path from the project on, such as data/*.csv, data/**, or !data/old/**'),
)
const files = v.strictObject({
  paths: v.pipe(v.array(glob), v.minLength(1), v.maxLength(limits.globsPerTrigger)),
  /** On which it is looked at; every device that has the project without it. */
  device: v.optional(line),
  /** How long nothing more may change before the run begins. */
  quiet: v.optional(duration),
  inputs: eventInputs,
})
export type FilesTrigger = v.InferOutput<typeof files>

export const runOutcomes = ['completed', 'failed', 'cancelled'] as const
export type RunOutcome = (typeof runOutcomes)[number]
const runEnd = v.strictObject({
  of: v.union([workflowName, v.pipe(v.array(workflowName), v.minLength(1), v.maxLength(20))]),
  ends: v.optional(v.pipe(v.array(v.picklist(runOutcomes)), v.minLength(1), v.maxLength(runOutcomes.length))),
  inputs: eventInputs,
})
export type RunEndTrigger = v.InferOutput<typeof runEnd>

export const triggerKinds = ['schedule', 'webhook', 'files', 'run'] as const
export type TriggerKind = (typeof triggerKinds)[number]

export const workflowSchema = v.strictObject({
  meshbook: v.literal('workflow/v1'),
  name: workflowName,
  on: v.optional(
    v.strictObject({
      schedule: v.optional(schedule),
      webhook: v.optional(webhook),
      files: v.optional(files),
      run: v.optional(runEnd),
      manual: v.optional(v.boolean()),
    }),
  ),
  inputs: v.optional(v.pipe(v.record(plainName, input), v.maxEntries(limits.inputsPerWorkflow))),
  budget: v.optional(
    v.strictObject({
      usd: v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000)),
      on_exceed: v.optional(v.picklist(['fail', 'pause', 'warn'])),
    }),
  ),
  concurrency: v.optional(
    v.strictObject({
      key: template,
      limit: v.optional(number(1, 1_000)),
      on_conflict: v.optional(v.picklist(['queue', 'reject', 'replace'])),
    }),
  ),
  defaults: v.optional(v.strictObject({ timeout: v.optional(duration), retry: v.optional(retry) })),
  steps: stepsOfSchema,
  output: v.optional(anything),
})
export type Workflow = v.InferOutput<typeof workflowSchema>

/** What a step does: its one kind. */
export function kindOf(step: Step): StepKind {
  return stepKinds.find(kind => step[kind] !== undefined)!
}

export function needsOf(step: Step): readonly string[] {
  return step.needs === undefined ? [] : typeof step.needs === 'string' ? [step.needs] : step.needs
}

/** The step that is the way out of this one, if one is. */
export function wayOut(step: Step): string | undefined {
  return step.on_error === undefined || step.on_error === 'fail' || step.on_error === 'continue'
    ? undefined
    : step.on_error
}
