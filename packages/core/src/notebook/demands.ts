/** What a notebook's front matter says of where it runs, as a request carries it: cut to what a request may hold. */
import { limits } from '../limits.ts'
import type { RunRequest } from '../messages.ts'
import { type FrontMatter, findFrontMatter, readFrontMatter } from './front-matter.ts'

export type Demands = Pick<RunRequest, 'runsOn' | 'requires'>

export function demandsOf(frontMatter: FrontMatter | undefined): Demands {
  const { runsOn, requires = [] } = frontMatter ?? {}
  return {
    ...(runsOn !== undefined && { runsOn: cut(runsOn) }),
    ...(requires.length > 0 && { requires: requires.slice(0, limits.requirementsPerRun).map(cut) }),
  }
}

/** The same from a whole text. */
/** How long the notebook lets one of its runs take. */
export function timeoutOfText(text: string): number | undefined {
  const found = findFrontMatter(text)
  return found && readFrontMatter(found.yaml).timeoutMs
}

export function demandsOfText(text: string): Demands {
  const found = findFrontMatter(text)
  return demandsOf(found && readFrontMatter(found.yaml))
}

/** Too long for a name is the name of nothing, and is refused as that. */
const cut = (name: string): string => name.slice(0, limits.nameChars).trim()
