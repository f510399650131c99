/**
 * The Jupyter kernels that are installed on this machine: where their kernelspecs are looked for, and what is read of
 * them. What is broken is told and keeps nothing else from being found (JK1, JK2). Which one a session gets it does not
 * know.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { canonicalLanguage } from '@meshbook/core/languages.ts'
import { limits } from '@meshbook/core/limits.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import type { Kernelspec } from '@meshbook/kernels/jupyter/process.ts'
import * as v from 'valibot'
import { type SearchPlaces, which } from './languages.ts'
import { projectPythons } from './project-python.ts'

const run = promisify(execFile)
const probeMs = 10_000
const text = v.pipe(v.string(), v.maxLength(4_096))
const someText = v.pipe(text, v.minLength(1))

const fileSchema = v.object({
  argv: v.pipe(v.array(text), v.minLength(1), v.maxLength(64)),
  display_name: v.optional(someText),
  language: v.pipe(someText, v.maxLength(40)),
  env: v.optional(v.pipe(v.record(text, text), v.maxEntries(64)), {}),
  interrupt_mode: v.optional(v.picklist(['signal', 'message']), 'signal'),
})

export interface BrokenKernelspec {
  name: string
  path: string
  reason: string
}

export interface FoundKernelspecs {
  /** The first of a name counts, in the order of the folders. */
  specs: Kernelspec[]
  broken: BrokenKernelspec[]
  /** Where they were looked for, whether or not there is anything. */
  folders: string[]
}

export async function findKernelspecs(places: SearchPlaces): Promise<FoundKernelspecs> {
  const found: FoundKernelspecs = { specs: [], broken: [], folders: await kernelspecFolders(places) }
  const names = new Set<string>()
  for (const folder of found.folders) {
    for (const name of await namesIn(folder)) {
      if (names.has(name.toLowerCase()) || found.specs.length >= limits.kernelspecsPerDevice) continue
      const spec = await readKernelspec(join(folder, name), name, places)
      if (spec === undefined) continue
      names.add(name.toLowerCase())
      if ('reason' in spec) found.broken.push(spec)
      else found.specs.push(spec)
    }
  }
  return found
}

/** As Jupyter looks for them, the project's own environments before those of the machine. */
async function kernelspecFolders({ projectFolder, env }: SearchPlaces): Promise<string[]> {
  const named = (env.JUPYTER_PATH ?? '').split(delimiter).filter(path => path !== '')
  const own = projectFolder === undefined ? [] : await projectPythons(projectFolder, env)
  const prefixes = projectFolder === undefined ? [] : [join(projectFolder, '.venv'), ...own.map(each => each.prefix)]
  const project = prefixes.map(folder => join(folder, 'share/jupyter'))
  const prefix = await pythonPrefix(env)
  const data = [
    ...named,
    ...project,
    userData(env),
    ...(prefix === undefined ? [] : [join(prefix, 'share/jupyter')]),
    '/usr/local/share/jupyter',
    '/usr/share/jupyter',
  ]
  return [...new Set(data.map(folder => join(folder, 'kernels')))]
}

function userData(env: NodeJS.ProcessEnv): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR
  const home = env.HOME ?? homedir()
  if (process.platform === 'darwin') return join(home, 'Library/Jupyter')
  return join(env.XDG_DATA_HOME ?? join(home, '.local/share'), 'jupyter')
}

/** Where the Python that is found first has its things: a conda environment, a `venv` that is active, or the system's. */
async function pythonPrefix(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const python = (await which('python3', env)) ?? (await which('python', env))
  const asked = python && run(python, ['-c', 'import sys; print(sys.prefix)'], { env, timeout: probeMs })
  const answer = await (asked || undefined)?.catch(() => undefined)
  return answer?.stdout.trim() || undefined
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  const fitting = names.filter(name => /^[\w.-]{1,100}$/.test(name)).sort()
  return fitting.slice(0, limits.kernelspecsPerDevice)
}

async function readKernelspec(
  folder: string,
  name: string,
  places: SearchPlaces,
): Promise<Kernelspec | BrokenKernelspec | undefined> {
  const path = join(folder, 'kernel.json')
  const about = await stat(path).catch(() => undefined)
  if (!about?.isFile()) return undefined
  const broken = (reason: string) => ({ name, path, reason })
  if (about.size > limits.kernelspecBytes) return broken(`it is larger than ${limits.kernelspecBytes} bytes`)
  try {
    const parsed = v.safeParse(fileSchema, JSON.parse(await readFile(path, 'utf8')))
    if (!parsed.success) return broken(explainIssues(parsed.issues))
    return await completed(parsed.output, folder, name, places, broken)
  } catch (thrown) {
    return broken((thrown as Error).message)
  }
}

async function completed(
  file: v.InferOutput<typeof fileSchema>,
  folder: string,
  name: string,
  places: SearchPlaces,
  broken: (reason: string) => BrokenKernelspec,
): Promise<Kernelspec | BrokenKernelspec> {
  const [program, ...args] = file.argv as [string, ...string[]]
  const path = await programPath(program, folder, places)
  if (path === undefined) return broken(`its program ${program} was not found`)
  return {
    name,
    displayName: (file.display_name ?? name).slice(0, limits.nameChars / 2),
    language: canonicalLanguage(file.language),
    argv: [path, ...args],
    env: file.env,
    resourceDir: folder,
    interruptMode: file.interrupt_mode,
  }
}

/** A bare `python` means the one of the environment that the kernelspec is installed in, as in Jupyter. */
async function programPath(program: string, folder: string, { env }: SearchPlaces): Promise<string | undefined> {
  const place = /^(.*)\/share\/jupyter\/kernels\/[^/]+$/.exec(folder)?.[1]
  const own =
    place !== undefined && /^python[\d.]*$/.test(program) ? await which(join(place, 'bin', program), env) : undefined
  return own ?? which(program, env)
}
