/** Shapes of the HTTP API for runs of workflows, under /api/v1. A run's log is `/runs/:id/events`, its gates are `/gates`. */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { nameSchema, projectIdSchema, runIdSchema } from './messages.ts'
import { runErrorSchema } from './run.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const fileName = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameChars))
const inputs = v.record(v.string(), v.unknown())
const stepName = v.pipe(v.string(), v.minLength(1), v.maxLength(200))

/** `POST /workflow-runs`. The same id again changes nothing and is answered with the run. */
export const newWorkflowRunSchema = v.object({
  id: v.optional(runIdSchema),
  /** Whose secrets and members it is about; without one the first project of the user. */
  project: v.optional(projectIdSchema),
  /** Which of the files is started. */
  file: fileName,
  /** Texts by their names: it, and those that it leads to. */
  files: v.pipe(
    v.record(fileName, v.pipe(v.string(), v.maxLength(limits.workflowFileBytes))),
    v.check(files => Object.keys(files).length <= limits.filesPerWorkflow, 'too many files'),
  ),
  inputs: v.optional(inputs),
})
export type NewWorkflowRun = v.InferOutput<typeof newWorkflowRunSchema>

export const workflowRunSchema = v.object({
  id: runIdSchema,
  project: projectIdSchema,
  name: v.string(),
  /** SHA-256 of the file that it is pinned to. */
  definition: v.string(),
  status: v.string(),
  /** What only people, or other runs, can change: gate, signal, budget, place. */
  waits: v.array(v.string()),
  /** When it goes on by itself, where nobody works on it now. */
  dueAt: v.nullable(ms),
  seq: ms,
  requestedBy: v.string(),
  requestedAt: ms,
  /** What started it, where that was no person. */
  trigger: v.nullable(v.string()),
  startedAt: v.nullable(ms),
  endedAt: v.nullable(ms),
  error: v.nullable(runErrorSchema),
})
export type WorkflowRun = v.InferOutput<typeof workflowRunSchema>

/** `GET /workflow-runs/:id/files`: what it is pinned to, as it could be sent again. */
export const workflowFilesSchema = v.object({ file: v.string(), files: v.record(v.string(), v.string()) })
export type WorkflowFiles = v.InferOutput<typeof workflowFilesSchema>

/** `id`: the same signal again changes nothing. */
export const signalSchema = v.object({ id: v.optional(nameSchema), name: stepName, value: v.optional(v.unknown()) })
/** What it may cost in all, in millionths of a dollar. */
export const workflowBudgetSchema = v.object({ microUsd: ms })
export const forkSchema = v.object({ id: v.optional(runIdSchema), step: stepName, inputs: v.optional(inputs) })
