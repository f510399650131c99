/** What a tool is: a name, a schema of its input, and what it does with it. */
import type { RunId } from '@meshbook/core/ids.ts'
import type { ToolRule } from '@meshbook/core/tasks-api.ts'
import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import type { People } from './ports.ts'

export interface ToolContext {
  /** Of what it asks people, the same when it is asked again. */
  question: string
  /** Shown while the tool works. */
  print(text: string): void
  /** It does what it does in a run of its own. */
  began(run: RunId): void
  people: People
  signal: AbortSignal
}

export interface ToolOutcome {
  ok: boolean
  /** For the model; cut where it is longer than it may be. */
  content: string
}

export interface Tool {
  name: string
  description: string
  schema: Record<string, unknown>
  /** It changes something: it is not run again when it is not known whether it ran. */
  hasEffects: boolean
  /** Asked for again under the same question, it goes on with what it began, and does not do it twice. */
  resumes: boolean
  /** Where neither task nor hub says anything. */
  rule: ToolRule
  /** How long it may take. */
  mostMs: number
  /** The parsed input, or what is wrong with it. */
  parse(input: unknown): { input: unknown } | { wrong: string }
  /** All that would be done, byte for byte, as a person decides about it. */
  shown(input: unknown): string
  run(input: unknown, context: ToolContext): Promise<ToolOutcome>
}

type InputSchema = v.ObjectSchema<v.ObjectEntries, undefined>

export interface ToolDefinition<Schema extends InputSchema> {
  name: string
  description: string
  input: Schema
  hasEffects: boolean
  resumes?: boolean
  rule?: ToolRule
  mostMs: number
  shown?: (input: v.InferOutput<Schema>) => string
  run: (input: v.InferOutput<Schema>, context: ToolContext) => Promise<ToolOutcome>
}

export function defineTool<Schema extends InputSchema>(definition: ToolDefinition<Schema>): Tool {
  const { name, description, input: schema, hasEffects, resumes = false, rule = 'auto', mostMs } = definition
  const { $schema: _, ...json } = toJsonSchema(schema, { errorMode: 'ignore' }) as Record<string, unknown>
  return {
    name,
    description,
    schema: json,
    hasEffects,
    resumes,
    rule,
    mostMs,
    parse: input => {
      const parsed = v.safeParse(schema, input)
      if (parsed.success) return { input: parsed.output }
      const wrong = parsed.issues.map(issue => `${v.getDotPath(issue) ?? 'input'}: ${issue.message}`)
      return { wrong: wrong.slice(0, 5).join('\n') }
    },
    shown: input => definition.shown?.(input as v.InferOutput<Schema>) ?? JSON.stringify(input, null, 2),
    run: (input, context) => definition.run(input as v.InferOutput<Schema>, context),
  }
}
