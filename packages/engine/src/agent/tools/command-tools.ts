/** Tools that run commands in the workspace: shell, git_diff, git_commit. */
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { commandOutput, mustRun } from '../command-output.ts'
import { defineTool, type Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'

const defaultMs = 120_000

export function commandTools(workspace: Workspace): Tool[] {
  return [shellTool(workspace), gitDiffTool(workspace), gitCommitTool(workspace)]
}

function shellTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'shell',
    description:
      'Runs a command in bash, in the root of the workspace, without input. What it starts in the background ends with it.',
    input: v.object({
      command: v.pipe(v.string(), v.minLength(1)),
      timeoutMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.toolRunMs))),
    }),
    hasEffects: true,
    mostMs: limits.toolRunMs + 2 * limits.toolKillMs,
    shown: ({ command }) => command,
    run: async ({ command, timeoutMs = defaultMs }, { print, signal }) => {
      const argv = ['bash', '-c', command]
      const result = await commandOutput(workspace, { argv }, { timeoutMs, print }, signal)
      const dropped = result.droppedBytes > 0 ? `\n[${result.droppedBytes} more bytes were not kept]` : ''
      const text = result.text + dropped
      if (result.timedOut) return { ok: false, content: `${text}\n[ended after ${timeoutMs / 1_000} s]` }
      const how = result.signal === null ? `exit code ${result.code}` : `ended by ${result.signal}`
      return { ok: result.code === 0, content: result.code === 0 ? text || '(no output)' : `${text}\n[${how}]` }
    },
  })
}

/** Nothing that a repository says about how to show differences is run. */
const plainDiff = ['git', '--no-pager', 'diff', '--no-ext-diff', '--no-textconv', '--no-color'] as const

function gitDiffTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'git_diff',
    description: 'Shows what is changed: against the last commit, or against `since`. New files are shown, too.',
    input: v.object({ since: v.optional(revision()), path: v.optional(v.pipe(v.string(), v.minLength(1))) }),
    hasEffects: false,
    mostMs: limits.toolRunMs,
    run: async ({ since = 'HEAD', path }, { signal }) => {
      await mustRun(workspace, ['git', 'add', '--intent-to-add', '--all'], signal)
      const text = await mustRun(workspace, [...plainDiff, since, '--', ...(path === undefined ? [] : [path])], signal)
      return { ok: true, content: text || 'Nothing is changed.' }
    },
  })
}

function gitCommitTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'git_commit',
    description: 'Commits everything that is changed.',
    input: v.object({ message: v.pipe(v.string(), v.minLength(1)) }),
    hasEffects: true,
    mostMs: limits.toolRunMs,
    shown: ({ message }) => `git commit of everything that is changed\n\n${message}`,
    run: async ({ message }, { signal }) => {
      await mustRun(workspace, ['git', 'add', '--all'], signal)
      const changed = await mustRun(workspace, ['git', 'diff', '--cached', '--name-only'], signal)
      if (changed === '') return { ok: false, content: 'There is nothing to commit.' }
      await mustRun(
        workspace,
        ['git', 'commit', '--quiet', '--no-verify', '--no-gpg-sign', '--message', message],
        signal,
      )
      const commit = await mustRun(workspace, ['git', 'rev-parse', 'HEAD'], signal)
      return { ok: true, content: `Committed as ${commit.trim()}.` }
    },
  })
}

/** A name of a commit, and no option. */
function revision() {
  return v.pipe(v.string(), v.minLength(1), v.maxLength(200), v.regex(/^[^-\s][^\s]*$/, 'expected a revision'))
}
