/** Tools that reach out of the workspace: a question to the user, and cells of notebooks on the mesh. */
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import type { MeshCells } from '../ports.ts'
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

/** It runs outside of the sandbox, so a person is asked where nobody said otherwise. */
export function notebookCellTool(cells: MeshCells): Tool {
  return defineTool({
    name: 'notebook_cell',
    description:
      'Runs code in a live session of the project, on the machine that has it. Variables stay. Use it for data and hardware that the workspace has not.',
    input: v.object({
      language: v.pipe(v.string(), v.minLength(1), v.maxLength(50)),
      code: v.pipe(v.string(), v.minLength(1)),
      session: v.optional(v.pipe(v.string(), v.maxLength(100))),
    }),
    hasEffects: true,
    rule: 'ask',
    mostMs: limits.toolRunMs,
    shown: ({ language, session, code }) =>
      `${language}${session === undefined ? '' : ` in session ${session}`}\n\n${code}`,
    run: async ({ session, ...cell }, { print, signal }) => {
      const { ok, text } = await cells.run({ ...cell, session: session ?? null }, print, signal)
      return { ok, content: text || '(no output)' }
    },
  })
}
