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
    pipes: false,
  },
  bash: {
    title: 'Bash',
    command: (_bash, nodePath) => [nodePath, join(kernels, 'bash/kernel.ts')],
    find: places => probe(['bash'], ['-c', 'printf %s "$BASH_VERSION"'], /^[\d.]+/, places.env),
    install: 'Install bash (`apt install bash`).',
    ownNamespaces: true,
    pipes: false,
  },
  javascript: {
    title: 'Node.js',
    command: (_node, nodePath) => [nodePath, ...nodeFlags, join(kernels, 'js/kernel.ts')],
    find: async ({ nodePath, env }) => probe([nodePath], ['--version'], /(?<=v)[\d.]+/, env),
    install: 'Run `npm install` in the folder of Meshbook, which brings Node.js along.',
    ownNamespaces: true,
    pipes: true,
  },
  r: {
    title: 'R',
    command: ({ path }, nodePath) => [nodePath, join(kernels, 'r/kernel.ts'), path],
    find: places => probe(['R'], ['--version'], /(?<=^R version )(?:[4-9]|\d\d)\.[\d.]+/, places.env),
    install: 'Install R 4.0 or later (`apt install r-base-core`, or from r-project.org).',
    ownNamespaces: true,
    pipes: false,
  },
  julia: {
    title: 'Julia',
    command: ({ path }, nodePath) => [nodePath, join(kernels, 'julia/kernel.ts'), path],
    find: places => probe(['julia'], ['--version'], /(?<=^julia version )(?:1\.(?:9|\d\d)|[2-9])\.[\d.]+/, places.env),
    install: 'Install Julia 1.9 or later (from julialang.org).',
    ownNamespaces: true,
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
  pipes: false,
}

/** For whatever language the runtime at a URL speaks. */
export const mrpKind: KernelKind = {
  title: 'MRP runtime',
  command: (_runtime, nodePath) => [nodePath, ...nodeFlags, join(kernels, 'mrp/kernel.ts')],
  find: async ({ nodePath }) => ({ path: nodePath, version: 'MRP' }),
  install: '',
  ownNamespaces: false,
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
async function probe(
  candidates: string[],
  args: string[],
  version: RegExp,
  env: NodeJS.ProcessEnv,
): Promise<Interpreter | undefined> {
  for (const candidate of candidates) {
    const path = await which(candidate, env)
    const answer = path && (await run(path, args, { env, timeout: probeMs }).catch(() => undefined))
    const match = answer ? version.exec(answer.stdout) : null
    if (path && match) return { path: match[2] ?? path, version: match[1] ?? match[0] }
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
