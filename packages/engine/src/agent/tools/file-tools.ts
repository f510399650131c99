/** Tools for files of the workspace: read, write, edit, list, search. */
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { commandOutput } from '../command-output.ts'
import { defineTool, type Tool, type ToolOutcome } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { edited } from './exact-edit.ts'

const path = v.pipe(v.string(), v.minLength(1), v.description('Relative to the root of the workspace.'))
const lineCount = v.pipe(v.number(), v.integer(), v.minValue(1))
const listedMost = 1_000
const linesMost = 2_000
const lineChars = 2_000
const listDepth = 5

export function fileTools(workspace: Workspace): Tool[] {
  return [readTool(workspace), writeTool(workspace), editTool(workspace), listTool(workspace), searchTool(workspace)]
}

function readTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'read',
    description: `Reads a text file, with line numbers. At most ${linesMost} lines at once.`,
    input: v.object({ path, from: v.optional(lineCount), lines: v.optional(lineCount) }),
    hasEffects: false,
    mostMs: limits.toolRunMs,
    run: async ({ path, from = 1, lines = linesMost }) => {
      const text = textOf(await workspace.read(path))
      if (text === undefined) return failed(`${path} is no text.`)
      const all = text.replace(/\n$/, '').split('\n')
      const shown = all.slice(from - 1, from - 1 + Math.min(lines, linesMost))
      if (shown.length === 0) return failed(`${path} has ${all.length} lines.`)
      const rest = all.length - (from - 1 + shown.length)
      const numbered = shown.map((line, at) => `${from + at}\t${line.slice(0, lineChars)}`).join('\n')
      return done(rest > 0 ? `${numbered}\n[${rest} more lines]` : numbered)
    },
  })
}

function writeTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'write',
    description: 'Writes a text file, whole: it is made, or replaced.',
    input: v.object({ path, content: v.string() }),
    hasEffects: true,
    mostMs: limits.toolRunMs,
    shown: ({ path, content }) => `write ${path}\n\n${content}`,
    run: async ({ path, content }) => {
      await workspace.write(path, Buffer.from(content))
      return done(`${path} is written, ${Buffer.byteLength(content)} bytes.`)
    },
  })
}

function editTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'edit',
    description:
      'Replaces a piece of a text file. `old` must be in the file exactly once, with its white space, or `all` be true.',
    input: v.object({ path, old: v.string(), new: v.string(), all: v.optional(v.boolean()) }),
    hasEffects: true,
    mostMs: limits.toolRunMs,
    shown: edit => `edit ${edit.path}${edit.all ? ' (everywhere)' : ''}\n\n--- old\n${edit.old}\n--- new\n${edit.new}`,
    run: async ({ path, all = false, ...edit }) => {
      const text = textOf(await workspace.read(path))
      if (text === undefined) return failed(`${path} is no text.`)
      const result = edited(text, { ...edit, all })
      if ('wrong' in result) return failed(result.wrong)
      await workspace.write(path, Buffer.from(result.text))
      return done(`${path} is changed in ${result.places} ${result.places === 1 ? 'place' : 'places'}.`)
    },
  })
}

function listTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'list',
    description: `Lists a folder: one entry a line, folders with a slash at the end. \`depth\` is at most ${listDepth}.`,
    input: v.object({
      path: v.optional(path),
      depth: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(listDepth))),
    }),
    hasEffects: false,
    mostMs: limits.toolRunMs,
    run: async ({ path = '.', depth = 1 }) => {
      const { entries, isCut } = await workspace.list(path, { depth, most: listedMost })
      const lines = entries.map(({ path, kind, bytes }) => (kind === 'file' ? `${path}\t${bytes}` : path + marks[kind]))
      if (isCut) lines.push(`[more than ${listedMost} entries]`)
      return done(lines.join('\n') || '(empty)')
    },
  })
}

const marks = { folder: '/', link: ' (link)', other: ' (no file)' } as const

function searchTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'search',
    description: 'Searches files by a regular expression (ripgrep), as `path:line:text`. Ignored files are left out.',
    input: v.object({
      pattern: v.pipe(v.string(), v.minLength(1)),
      path: v.optional(path),
      glob: v.optional(v.pipe(v.string(), v.description('Only these files, for example *.ts'))),
      ignoreCase: v.optional(v.boolean()),
      literal: v.optional(v.pipe(v.boolean(), v.description('The pattern is plain text.'))),
    }),
    hasEffects: false,
    mostMs: limits.toolRunMs,
    run: async ({ pattern, path = '.', glob, ignoreCase, literal }, { signal }) => {
      const argv = [
        ...['rg', '--no-config', '--line-number', '--with-filename', '--no-heading', '--color=never'],
        ...['--max-columns=500', '--max-count=200', '--sort=path', '--hidden', '--glob=!.git'],
        ...(ignoreCase ? ['--ignore-case'] : []),
        ...(literal ? ['--fixed-strings'] : []),
        ...(glob === undefined ? [] : [`--glob=${glob}`]),
        ...['--regexp', pattern, '--', path],
      ]
      const result = await commandOutput(workspace, { argv }, { timeoutMs: limits.toolRunMs }, signal)
      if (result.timedOut) return failed('The search took too long.')
      if (result.code === 1) return done('Nothing was found.')
      return result.code === 0 ? done(result.text) : failed(result.text)
    },
  })
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function done(content: string): ToolOutcome {
  return { ok: true, content }
}

function failed(content: string): ToolOutcome {
  return { ok: false, content }
}
