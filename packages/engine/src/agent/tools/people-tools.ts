/** Tools that reach out of the workspace: a question to the user, and cells of notebooks on the mesh. */
import { cellRequestSchema, cellTool, cellToolRule, cellWords } from '@meshbook/core/cell-request.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import type { CellEnd, MeshCells } from '../ports.ts'
import { defineTool, type Tool } from '../tool.ts'

export function askUserTool(): Tool {
  return defineTool({
    name: 'ask_user',
    description:
      'Asks the user a question and waits for the answer. Only for what you cannot find out or decide yourself.',
    input: v.object({ question: v.pipe(v.string(), v.minLength(1), v.maxLength(4_000)) }),
    hasEffects: false,
    mostMs: limits.taskApprovalMs,
    shown: ({ question }) => question,
    run: async ({ question }, { question: call, people, signal }) => ({
      ok: true,
      content: await people.ask({ call, text: question }, signal),
    }),
  })
}

/** It runs outside of the sandbox, so a person is asked where nobody said otherwise (AL47). */
export function notebookCellTool(cells: MeshCells): Tool {
  return defineTool({
    name: cellTool,
    description:
      'Runs code in a live session of a notebook of the project, on the machine that has it, outside of this workspace. Variables stay. Use it for data and hardware that the workspace has not.',
    input: cellRequestSchema,
    hasEffects: true,
    resumes: true,
    rule: cellToolRule,
    // The hub ends it in its time; this is for a hub that is away.
    mostMs: limits.taskCellMs + 2 * limits.taskStopMs,
    shown: cellWords,
    run: async (request, { question, print, began, signal }) => {
      let told = ''
      const onBegin = (run: RunId, reasons: readonly string[]): void => {
        if (told === '') began(run)
        const words = `Run ${run}${reasons.length === 0 ? '' : ` waits: ${reasons.join(' ')}`}\n`
        if (words !== told) print(words)
        told = words
      }
      const end = await cells.run({ call: question, request }, onBegin, signal)
      return { ok: end.status === 'completed', content: `${endWords(end)}\n\n${end.text || '(no output)'}` }
    },
  })
}

function endWords({ run, status, device, reason }: CellEnd): string {
  const where = device === null ? '' : ` on ${device}`
  return `Run ${run}${where}: ${status}${reason === '' ? '.' : `. ${reason}`}`
}
