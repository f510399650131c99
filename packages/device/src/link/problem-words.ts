/** The problems of this device as the hub is told of them: bounded, in words of the project instead of this disk. Pure. */
import { relative, sep } from 'node:path'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceProblem, ToldProblems } from '@meshbook/core/messages.ts'
import type { Problem } from '../problems.ts'
import { wayBack } from '../projects/trash.ts'
import type { Attachment } from '../store/attachments.ts'

type Caps = Pick<Limits, 'problemsPerDevice' | 'problemTextChars' | 'pathBytes'>

export function problemsInWords(
  problems: readonly Problem[],
  attached: readonly Attachment[],
  caps: Caps,
): ToldProblems {
  const items = problems.slice(0, caps.problemsPerDevice).map(problem => inWords(problem, attached, caps))
  return { items, more: problems.length - items.length }
}

function inWords(problem: Problem, attached: readonly Attachment[], caps: Caps): DeviceProblem {
  const { error, file = problem.about, copy, trash } = problem
  const holder = attached.find(({ folder }) => file.startsWith(folder + sep))
  const place = (path: string) =>
    shortened(relative(holder!.folder, path).split(sep).join('/').normalize('NFC'), caps.pathBytes / 4)
  const [text, next] = sentences(problem)
  const short = (sentence: string) =>
    shortened(holder ? sentence.replaceAll(holder.folder + sep, '') : sentence, caps.problemTextChars)
  return {
    code: error.code,
    text: short(text),
    next: short(next),
    ...(holder && { project: holder.project.id, path: place(file) }),
    ...(holder && copy !== undefined && { copy: place(copy) }),
    ...(trash !== undefined && { trash: shortened(trash, caps.pathBytes / 4) }),
  }
}

function sentences({ error, file, copy, trash }: Problem): [string, string] {
  if (trash !== undefined && file !== undefined)
    return [
      `${file} was deleted on another device while it was edited here`,
      `On this device ${wayBack(trash)} brings it back.`,
    ]
  if (copy !== undefined)
    return [error.detail ?? error.message, 'Compare the two, keep what you want, and delete the copy.']
  return [error.message, error.entry.hint]
}

function shortened(text: string, mostChars: number): string {
  return text.length <= mostChars ? text : `${text.slice(0, mostChars - 1).toWellFormed()}…`
}
