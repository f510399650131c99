/**
 * A cell that an agent asks for, on the mesh and outside of its sandbox (TK50…): what it says, and the words in which a
 * person is shown it. Worker and hub make the words by this function, so that what was agreed to is what runs.
 */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { codeSchema, languageSchema } from './messages.ts'

export const cellTool = 'notebook_cell'
/** Where a task says nothing of the tool: it reaches out of the sandbox. */
export const cellToolRule = 'ask'

/** No line of its own can stand in it, nor what cannot be seen. */
const line = (chars: number) =>
  v.pipe(v.string(), v.minLength(1), v.maxLength(chars), v.regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u))

export const cellRequestSchema = v.object({
  notebook: v.pipe(
    line(limits.pathBytes),
    v.description('Path of the notebook in the project of this task, such as analysis.md'),
  ),
  language: languageSchema,
  code: v.pipe(codeSchema, v.minLength(1)),
  session: v.optional(
    v.pipe(line(limits.nameChars), v.description('Name of a session; without one that of the notebook')),
  ),
  device: v.optional(
    v.pipe(line(limits.nameChars), v.description('Name of the device to run on; without one the hub chooses')),
  ),
  seconds: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(limits.taskCellMs / 1_000),
      v.description('How long it may take, waiting for a device included; 600 if absent'),
    ),
  ),
})
export type CellRequest = v.InferOutput<typeof cellRequestSchema>

export function cellMs({ seconds }: Pick<CellRequest, 'seconds'>): number {
  return seconds === undefined ? limits.toolRunMs : seconds * 1_000
}

/** No two requests have the same words: each line but the code says by its first word what it is, and the code comes last. */
export function cellWords(request: CellRequest): string {
  const { notebook, language, code, session, device } = request
  const head = [
    `${language} in ${notebook}`,
    ...(session === undefined ? [] : [`session ${session}`]),
    ...(device === undefined ? [] : [`device ${device}`]),
    `for ${cellMs(request) / 1_000} s at most`,
  ]
  return `${head.join('\n')}\n\n${code}`
}

/** Over what a person is asked; the hub takes no other as an agreement to a cell. */
export function approvalTitle(tool: string): string {
  return `Allow ${tool}?`
}
