/** What a notebook's front matter says of where it runs, as a request carries it: cut to what a request may hold. */

import { isRunnable, runtimeFor } from '../languages.ts'
import { limits } from '../limits.ts'
import type { RunRequest } from '../messages.ts'
import { type FrontMatter, findFrontMatter, readFrontMatter } from './front-matter.ts'

export type Demands = Pick<RunRequest, 'runsOn' | 'requires' | 'kernel' | 'failover' | 'onLoss'>

/** Of a cell in this language: a kernelspec that is another language's is nothing to it. */
export function demandsOf(frontMatter: FrontMatter | undefined, language: string): Demands {
  const { runsOn, requires = [], failover, onLoss } = frontMatter ?? {}
  const kernel = kernelFor(frontMatter, language)
  return {
    ...(runsOn !== undefined && { runsOn: cut(runsOn) }),
    ...(requires.length > 0 && { requires: requires.slice(0, limits.requirementsPerRun).map(cut) }),
    ...(kernel !== undefined && { kernel }),
    ...(failover !== undefined && { failover }),
    ...(onLoss !== undefined && { onLoss }),
  }
}

/** The same from a whole text. */
/** How long the notebook lets one of its runs take. */
export function timeoutOfText(text: string): number | undefined {
  const found = findFrontMatter(text)
  return found && readFrontMatter(found.yaml).timeoutMs
}

export function demandsOfText(text: string, language: string): Demands {
  const found = findFrontMatter(text)
  return demandsOf(found && readFrontMatter(found.yaml), language)
}

function kernelFor(frontMatter: FrontMatter | undefined, language: string): string | undefined {
  const { name, language: told } = frontMatter?.kernelspec ?? {}
  if (name === undefined) return undefined
  const known = told ?? (isRunnable(name) ? name : undefined)
  return known === undefined || runtimeFor(known) === runtimeFor(language) ? cut(name) : undefined
}

/**
 * The session that a run belongs to. Two notebooks that ask for different kernels cannot share variables, so the kernel
 * that is asked for is a part of the name; it needs no device to know what it is.
 */
export function sessionNameOf({ session = 'default', kernel }: Pick<RunRequest, 'session' | 'kernel'>): string {
  if (kernel === undefined) return session
  const mark = ` (${kernel.slice(0, limits.nameChars / 2)})`
  // One that has its whole name already is passed on as it is.
  return session.endsWith(mark) ? session : session.slice(0, limits.nameChars - mark.length) + mark
}

/** Too long for a name is the name of nothing, and is refused as that. */
const cut = (name: string): string => name.slice(0, limits.nameChars).trim()
