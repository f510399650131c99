/**
 * The kernels that come with Meshbook, one line each: adding a language is a folder in kernels/ and a line here.
 * Other names of a language are core's (`runtimeFor`).
 */
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { runtimeFor } from '@meshbook/core/languages.ts'
import { projectPythons } from './project-python.ts'

const run = promisify(execFile)
const probeMs = 10_000
const kernels = fileURLToPath(new URL('../../../../kernels/', import.meta.url))

export interface Interpreter {
  path: string
  version: string
}

export interface KernelKind {
  /** For people, before the version. */
  title: string
  /** Who runs the in-tree server; the configuration's path is appended. */
  command(interpreter: Interpreter, nodePath: string): string[]
  find(places: SearchPlaces): Promise<Interpreter | undefined>
  /** What to do where `find` finds nothing. */
  install: string
  /** Dumped as a whole, so in namespaces of its own; the others are forked for a snapshot, in those of the host. */
  ownNamespaces: boolean
  /** A Node program, which may have an interpreter as its child. */
  onNode: boolean
  /** Standard output and error of children come through named pipes in the scratch folder. */
  pipes: boolean
}

export interface SearchPlaces {
  projectFolder: string | undefined
  env: NodeJS.ProcessEnv
  nodePath: string
}

const nodeFlags = ['--no-force-async-hooks-checks', '--disable-warning=ExperimentalWarning']

const kinds = {
  python: {
    title: 'Python',
    command: ({ path }) => [path, join(kernels, 'python/kernel.py')],
    find: findPython,
    install: 'Install Python 3.8 or later (`apt install python3`, or from python.org), or make a .venv in the project.',
    ownNamespaces: false,
    onNode: false,
    pipes: false,
  },
  bash: {
    title: 'Bash',
    command: (_bash, nodePath) => [nodePath, join(kernels, 'bash/kernel.ts')],
    find: places => probe(['bash'], ['-c', 'printf %s "$BASH_VERSION"'], /^[\d.]+/, places.env),
    install: 'Install bash (`apt install bash`).',
    ownNamespaces: true,
    onNode: true,
    pipes: false,
  },
  javascript: {
    title: 'Node.js',
    command: (_node, nodePath) => [nodePath, ...nodeFlags, join(kernels, 'js/kernel.ts')],
    find: async ({ nodePath, env }) => probe([nodePath], ['--version'], /(?<=v)[\d.]+/, env),
    install: 'Run `npm install` in the folder of Meshbook, which brings Node.js along.',
    ownNamespaces: true,
    onNode: true,
    pipes: true,
  },
  r: {
    title: 'R',
    command: ({ path }, nodePath) => [nodePath, join(kernels, 'r/kernel.ts'), path],
    find: places => probe(['R'], ['--version'], /(?<=^R version )(?:[4-9]|\d\d)\.[\d.]+/, places.env),
    install: 'Install R 4.0 or later (`apt install r-base-core`, or from r-project.org).',
    ownNamespaces: true,
    onNode: true,
    pipes: false,
  },
  julia: {
    title: 'Julia',
    command: ({ path }, nodePath) => [nodePath, join(kernels, 'julia/kernel.ts'), path],
    find: places => probe(['julia'], ['--version'], /(?<=^julia version )(?:1\.(?:9|\d\d)|[2-9])\.[\d.]+/, places.env),
    install: 'Install Julia 1.9 or later (from julialang.org).',
    ownNamespaces: true,
    onNode: true,
    pipes: false,
  },
} as const satisfies Record<string, KernelKind>

/** Any kernel of Jupyter's: which one, its kernelspec says. */
export const jupyterKind: KernelKind = {
  title: 'Jupyter',
  command: (_kernel, nodePath) => [nodePath, join(kernels, 'jupyter/kernel.ts')],
  find: () => Promise.resolve(undefined),
  install: '',
  // A Jupyter kernel looks for its children in /proc, which has the numbers of the machine.
  ownNamespaces: false,
  onNode: true,
  pipes: false,
}

/** For whatever language the runtime at a URL speaks. */
export const mrpKind: KernelKind = {
  title: 'MRP runtime',
  command: (_runtime, nodePath) => [nodePath, ...nodeFlags, join(kernels, 'mrp/kernel.ts')],
  find: async ({ nodePath }) => ({ path: nodePath, version: 'MRP' }),
  install: '',
  ownNamespaces: false,
  onNode: true,
  pipes: false,
}

export const kernelLanguages = Object.keys(kinds) as (keyof typeof kinds)[]

export function kindOf(language: string): KernelKind | undefined {
  const name = runtimeFor(language)
  return Object.hasOwn(kinds, name) ? kinds[name as keyof typeof kinds] : undefined
}

async function findPython({ projectFolder, env }: SearchPlaces): Promise<Interpreter | undefined> {
  const own = projectFolder === undefined ? [] : await projectPythons(projectFolder, env)
  // What is found may be a script of a version manager: the interpreter itself is what is started.
  const script =
    'import sys; print("%d.%d.%d" % sys.version_info[:3], sys.executable); sys.exit(sys.version_info < (3, 8))'
  return probe([...own.map(({ path }) => path), 'python3', 'python'], ['-c', script], /^([\d.]+) (\S.*)/, env)
}

/** The first candidate that starts and tells a version (first group or whole match) and perhaps its own path (second). */
/** What answered before. A machine that is too busy to answer in time has not lost its interpreter (KH32). */
const answeredBefore = new Map<string, Interpreter>()

export async function probe(
  candidates: string[],
  args: string[],
  version: RegExp,
  env: NodeJS.ProcessEnv,
  timeoutMs: number = probeMs,
): Promise<Interpreter | undefined> {
  for (const candidate of candidates) {
    const path = await which(candidate, env)
    if (!path) continue
    const key = [path, ...args].join('\0')
    const answer = await run(path, args, { env, timeout: timeoutMs }).catch((error: { killed?: boolean }) => error)
    const match = 'stdout' in answer && !('code' in answer) ? version.exec(String(answer.stdout)) : null
    const found = match ? { path: match[2] ?? path, version: match[1] ?? match[0] } : undefined
    if (found) answeredBefore.set(key, found)
    const isSlow = 'killed' in answer && answer.killed === true
    const known = found ?? (isSlow ? answeredBefore.get(key) : undefined)
    if (known) return known
  }
  return undefined
}

/** The path of a program, by PATH or by itself. */
export async function which(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const paths = name.includes('/') ? [name] : (env.PATH ?? '').split(delimiter).map(folder => join(folder, name))
  for (const path of paths) {
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}
