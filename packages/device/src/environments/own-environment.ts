/** What the user has made for a project without us: it is used, and never changed (EN2). */
import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const condaHomes = ['miniforge3', 'mambaforge', 'miniconda3', 'anaconda3', 'micromamba']

/** The interpreter of a Python environment in the project: `.venv` before `venv`. */
export async function ownPython(projectFolder: string): Promise<string | undefined> {
  for (const name of ['.venv', 'venv']) {
    const path = join(projectFolder, name, 'bin/python')
    if (await exists(path)) return path
  }
  return undefined
}

/** The environment of conda that `environment.yml` names. */
export async function condaPython(projectFolder: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const text = await readFile(join(projectFolder, 'environment.yml'), 'utf8').catch(() => undefined)
  const name = text === undefined ? undefined : await nameIn(text)
  if (name === undefined) return undefined
  for (const home of homes(env)) {
    const path = join(home, 'envs', name, 'bin/python')
    if (await exists(path)) return path
  }
  return undefined
}

/** A name that leads elsewhere is none. */
async function nameIn(text: string): Promise<string | undefined> {
  try {
    // Every kernel host would load it.
    const { parse } = await import('yaml')
    const { name } = (parse(text, { maxAliasCount: 10 }) ?? {}) as { name?: unknown }
    return typeof name === 'string' && /^[\w][\w.-]*$/.test(name) ? name : undefined
  } catch {
    return undefined
  }
}

function homes({ CONDA_EXE, MAMBA_ROOT_PREFIX, CONDA_PREFIX, HOME = homedir() }: NodeJS.ProcessEnv): string[] {
  const told = [CONDA_EXE && dirname(dirname(CONDA_EXE)), MAMBA_ROOT_PREFIX, CONDA_PREFIX]
  return [
    ...told.filter(path => path !== undefined && path !== ''),
    ...condaHomes.map(name => join(HOME, name)),
    '/opt/conda',
  ] as string[]
}

/** Whether the user has packages of a language there, which then are what its lock file asked for. */
export async function hasOwn(projectFolder: string, language: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  switch (language) {
    case 'python':
      return ((await ownPython(projectFolder)) ?? (await condaPython(projectFolder, env))) !== undefined
    case 'r':
      return exists(join(projectFolder, 'renv/library'))
    case 'javascript':
      return exists(join(projectFolder, 'node_modules'))
    default:
      return false
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
