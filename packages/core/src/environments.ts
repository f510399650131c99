/**
 * The packages that a project's lock file asks for, and what a device tells of them. A lock file is of one language; its
 * *environment* is a folder with exactly what it names, made once on each device.
 */
import * as v from 'valibot'
import { limits } from './limits.ts'

/** The first that a project has decides for its language. */
export const lockFiles = {
  'uv.lock': 'python',
  'pylock.toml': 'python',
  'requirements.txt': 'python',
  'environment.yml': 'python',
  'renv.lock': 'r',
  'package-lock.json': 'javascript',
} as const
export type LockFile = keyof typeof lockFiles
export const lockFileNames = Object.keys(lockFiles) as LockFile[]
export type LockedLanguage = (typeof lockFiles)[LockFile]

/** Of the names in a project's folder, for each language. */
export function decidingFiles(names: ReadonlySet<string>): LockFile[] {
  const languages = new Set<string>()
  return lockFileNames.filter(file => {
    const isFirst = names.has(file) && !languages.has(lockFiles[file])
    if (isFirst) languages.add(lockFiles[file])
    return isFirst
  })
}

/** `own`: the user made one in the project (`.venv`, `node_modules`), which is used as it is. */
export const environmentStates = ['own', 'ready', 'missing', 'making', 'failed'] as const

const told = v.pipe(v.string(), v.maxLength(limits.problemTextChars))
export const environmentStateSchema = v.object({
  language: v.picklist(Object.values(lockFiles)),
  file: v.picklist(lockFileNames),
  state: v.picklist(environmentStates),
  /** What is being done, and how much of all is done as far as can be told. */
  step: v.optional(told),
  share: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  /** Why it failed, and what to do about it. */
  problem: v.optional(v.object({ text: told, next: told })),
})
export type EnvironmentState = v.InferOutput<typeof environmentStateSchema>

/** Whether code that needs the project's packages finds them there. */
export function hasPackages({ state }: Pick<EnvironmentState, 'state'>): boolean {
  return state === 'own' || state === 'ready'
}
