/**
 * Which kernel a session gets (JK3): the kernelspec that its notebook names, else the one that comes with Meshbook, else
 * the first kernelspec of the language. What is not there is said together with what it takes, and never fatal where
 * something else can run the code.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { canonicalLanguage, isRunnable, runtimeFor } from '@meshbook/core/languages.ts'
import type { Kernelspec } from '@meshbook/kernels/jupyter/process.ts'
import { type FoundKernelspecs, findKernelspecs } from './kernelspecs.ts'
import { type Interpreter, jupyterKind, type KernelKind, kindOf, type SearchPlaces } from './languages.ts'
import { projectPythons } from './project-python.ts'

const run = promisify(execFile)
const probeMs = 10_000

export interface KernelChoice {
  kind: KernelKind
  interpreter: Interpreter
  /** The Jupyter kernel, where it is one. */
  spec?: Kernelspec
  /** What the user should know of the choice. */
  notice?: string
}

export interface KernelWish {
  /** As on the fence. */
  language: string
  /** The name of a kernelspec. */
  kernelspec?: string | undefined
}

export async function chooseKernel(wish: KernelWish, places: SearchPlaces): Promise<KernelChoice> {
  const { language, kernelspec: name } = wish
  if (name === undefined || isForAnother(name, language)) return unasked(wish, places)
  const found = await findKernelspecs(places)
  const spec = found.specs.find(each => each.name.toLowerCase() === name.toLowerCase())
  if (spec && !runs(spec, language)) return unasked(wish, places)
  const own = await projectKernel(name, language, places)
  if (own !== undefined) return 'absent' in own ? fallback(wish, places, own.absent) : jupyter(own)
  if (spec) return jupyter(spec)
  return fallback(wish, places, absence(name, found))
}

/** `ir` is no wish about a cell of Bash: a notebook may have cells of several languages. */
function isForAnother(name: string, language: string): boolean {
  return isRunnable(name) && runtimeFor(name) !== runtimeFor(language)
}

function runs(spec: Kernelspec, language: string): boolean {
  return runtimeFor(spec.language) === runtimeFor(language)
}

function jupyter(spec: Kernelspec): KernelChoice {
  return { kind: jupyterKind, interpreter: { path: spec.argv[0]!, version: '' }, spec }
}

/** Without a wish: what comes with Meshbook, and then whatever there is. */
async function unasked({ language }: KernelWish, places: SearchPlaces): Promise<KernelChoice> {
  const kind = kindOf(language)
  const interpreter = await kind?.find(places)
  if (kind && interpreter) return { kind, interpreter }
  const { specs, broken } = await findKernelspecs(places)
  const spec = specs.find(each => runs(each, language))
  if (spec) return jupyter(spec)
  const concerned = broken.filter(({ name }) => !kind || canonicalLanguage(name) === canonicalLanguage(language))
  const reasons = concerned.map(({ path, reason }) => ` ${path} cannot be used: ${reason}.`)
  throw new MeshError('KERNEL_MISSING', { detail: missing(language, kind) + reasons.join('') })
}

async function fallback(wish: KernelWish, places: SearchPlaces, absent: Absence): Promise<KernelChoice> {
  try {
    const choice = await unasked(wish, places)
    const using = choice.spec ? `the kernel ${choice.spec.displayName}` : 'the built-in kernel'
    return { ...choice, notice: `${absent.what}; using ${using}${absent.next}` }
  } catch (thrown) {
    if (!(thrown instanceof MeshError)) throw thrown
    throw new MeshError('KERNEL_MISSING', { detail: `${absent.what}, and ${thrown.detail}`, cause: thrown })
  }
}

interface Absence {
  what: string
  next: string
}

/**
 * `python3` is the Python of the project, as it would be without asking: with an environment that one, if it has
 * ipykernel. A kernelspec of another name is a choice that somebody made by name.
 */
async function projectKernel(
  name: string,
  language: string,
  { projectFolder, env }: SearchPlaces,
): Promise<Kernelspec | { absent: Absence } | undefined> {
  if (canonicalLanguage(name) !== 'python' || runtimeFor(language) !== 'python') return undefined
  if (projectFolder === undefined) return undefined
  const [own] = await projectPythons(projectFolder, env)
  if (own === undefined) return undefined
  if (!(await hasIpykernel(own.path, env)))
    return { absent: { what: `ipykernel is not installed in ${own.name}`, next: `; ${own.offer('ipykernel')}` } }
  return {
    name,
    displayName: 'Python 3 (ipykernel)',
    language: 'python',
    argv: [own.path, '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
    env: {},
    resourceDir: join(own.prefix, 'share/jupyter/kernels', name),
    interruptMode: 'signal',
  }
}

async function hasIpykernel(python: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const script = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ipykernel") is None)'
  return run(python, ['-c', script], { env, timeout: probeMs }).then(
    () => true,
    () => false,
  )
}

const installs: Record<string, string> = {
  python: 'python3 -m pip install ipykernel',
  r: `R -e 'install.packages("IRkernel"); IRkernel::installspec()'`,
  julia: `julia -e 'using Pkg; Pkg.add("IJulia")'`,
}

function absence(name: string, { broken }: FoundKernelspecs): Absence {
  const known = broken.find(each => each.name.toLowerCase() === name.toLowerCase())
  if (known) return { what: `the kernelspec ${known.path} cannot be used (${known.reason})`, next: '' }
  const install = installs[canonicalLanguage(name)]
  return {
    what: `the kernelspec “${name}” is not installed on this device`,
    next: install === undefined ? '' : `; install it with \`${install}\``,
  }
}

export function missing(language: string, kind: KernelKind | undefined): string {
  return kind ? `no ${kind.title} was found. ${kind.install}` : `there is no kernel for "${language}"`
}
