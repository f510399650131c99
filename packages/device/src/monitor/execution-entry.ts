/**
 * Reads and changes one entry of a document's map of executions. Our clients write a nested Y.Map; foreign ones may
 * write a plain object, which is answered in kind by replacing it. Entries are data from a stranger: what is read is
 * checked here, once.
 */

import { type ExecutionEntry, executionStatuses, sharedNames } from '@meshbook/core/executions.ts'
import { isRunId, type RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { codeSchema, languageSchema, nameSchema } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import * as Y from 'yjs'

const requestSchema = v.object({
  status: v.picklist(executionStatuses),
  code: codeSchema,
  language: v.pipe(v.string(), v.toLowerCase(), languageSchema),
  session: v.optional(nameSchema),
  cell: v.optional(v.record(v.string(), v.unknown())),
})
export type RequestedExecution = v.InferOutput<typeof requestSchema>

/** What is run, where: all of it must come from somebody who may run. */
const requestFields = ['code', 'language', 'session', 'cell', 'id'] as const

const answerSchema = v.object({ id: v.optional(nameSchema), text: v.pipe(v.string(), v.maxLength(limits.inputBytes)) })
export type StdinAnswer = v.InferOutput<typeof answerSchema>

export function executionsOf(doc: Y.Doc): Y.Map<unknown> {
  return doc.getMap(sharedNames.executions)
}

export class EntryView {
  readonly run: RunId
  readonly #map: Y.Map<unknown>

  constructor(doc: Y.Doc, run: RunId) {
    this.run = run
    this.#map = executionsOf(doc)
  }

  get exists(): boolean {
    return this.#value() !== undefined
  }

  get isPlain(): boolean {
    const value = this.#value()
    return value !== undefined && !(value instanceof Y.Map)
  }

  get<K extends keyof ExecutionEntry | 'runtimeUrl'>(field: K): unknown {
    const value = this.#value()
    if (value instanceof Y.Map) return plain(value.get(field))
    return value && Object.hasOwn(value, field) ? value[field] : undefined
  }

  /** The entry as a request, or undefined if it is not one that can be understood. */
  request(): RequestedExecution | undefined {
    const value = this.#value()
    const result = v.safeParse(requestSchema, value instanceof Y.Map ? value.toJSON() : value)
    return result.success ? result.output : undefined
  }

  /** One line without its end; `false` for what is there and is no answer. */
  stdinAnswer(): StdinAnswer | false | undefined {
    const given = this.get('stdinResponse')
    if (given === undefined || given === null) return undefined
    const result = v.safeParse(answerSchema, given)
    return result.success ? { ...result.output, text: result.output.text.replace(/\r?\n$/, '') } : false
  }

  /** The Yjs id of the struct that wrote the entry: who that connection was, the relay knows. */
  author(): { client: number; clock: number } | undefined {
    const id = this.#map._map.get(this.run)?.id
    return id && { client: id.client, clock: id.clock }
  }

  /** The Yjs ids of the structs that wrote what the entry asks for; none where the entry is one value. */
  fieldAuthors(): { client: number; clock: number }[] {
    const value = this.#value()
    if (!(value instanceof Y.Map)) return []
    return requestFields.flatMap(name => {
      const id = value._map.get(name)?.id
      return id ? [{ client: id.client, clock: id.clock }] : []
    })
  }

  create(entry: ExecutionEntry): void {
    this.#map.set(this.run, new Y.Map(Object.entries(entry)))
  }

  /** Changes the fields that are not already so. Does nothing where there is no entry. */
  patch(fields: Partial<ExecutionEntry> | Record<string, unknown>): void {
    const value = this.#value()
    const changed = Object.entries(fields).filter(
      ([name, field]) => !same(this.get(name as keyof ExecutionEntry), field),
    )
    if (!value || changed.length === 0) return
    if (value instanceof Y.Map) for (const [name, field] of changed) value.set(name, field)
    else this.#map.set(this.run, { ...value, ...Object.fromEntries(changed) })
  }

  #value(): Y.Map<unknown> | Record<string, unknown> | undefined {
    const value = this.#map.get(this.run)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  }
}

function plain(value: unknown): unknown {
  return value instanceof Y.Map || value instanceof Y.Array ? value.toJSON() : value
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b))
}

/** Ids of all entries that may be runs; a key that is no run id belongs to nobody (S14). */
export function runIdsOf(doc: Y.Doc): RunId[] {
  return [...executionsOf(doc).keys()].filter(isRunId)
}
