/**
 * The Pythons of a project: what the user has made for it, before what was made for its lock file (EN2, EN9), each with
 * what to do so that it has a package. Which of them is used it does not know.
 */
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LockFile } from '@meshbook/core/environments.ts'
import { isMade, locksOf } from '../environments/lock-file.ts'
import { condaPython, ownPython } from '../environments/own-environment.ts'

export interface ProjectPython {
  path: string
  /** The folder of the environment. */
  prefix: string
  /** For people: `.venv`. */
  name: string
  /** How it gets a package, as words behind a semicolon. */
  offer(item: string): string
}

export async function projectPythons(projectFolder: string, env: NodeJS.ProcessEnv): Promise<ProjectPython[]> {
  const found = await Promise.all([venv(projectFolder), conda(projectFolder, env), made(projectFolder)])
  return found.filter(each => each !== undefined)
}

async function venv(projectFolder: string): Promise<ProjectPython | undefined> {
  const path = await ownPython(projectFolder)
  if (path === undefined) return undefined
  const prefix = dirname(dirname(path))
  const name = basename(prefix)
  const command = await installer(projectFolder, prefix, name)
  return { path, prefix, name, offer: item => `install it with \`${command} ${item}\`` }
}

/** What uv has made has no pip in it. */
async function installer(projectFolder: string, prefix: string, name: string): Promise<string> {
  const about = await readFile(join(prefix, 'pyvenv.cfg'), 'utf8').catch(() => '')
  if (!/^uv *=/m.test(about)) return `${name}/bin/python -m pip install`
  const isLocked = await stat(join(projectFolder, 'uv.lock')).then(
    () => true,
    () => false,
  )
  if (isLocked && name === '.venv') return 'uv add'
  return name === '.venv' ? 'uv pip install' : `uv pip install --python ${name}`
}

async function conda(projectFolder: string, env: NodeJS.ProcessEnv): Promise<ProjectPython | undefined> {
  const path = await condaPython(projectFolder, env)
  if (path === undefined) return undefined
  const prefix = dirname(dirname(path))
  const name = basename(prefix)
  return {
    path,
    prefix,
    name: `the conda environment ${name}`,
    offer: item => `install it with \`conda install --name ${name} ${item}\``,
  }
}

async function made(projectFolder: string): Promise<ProjectPython | undefined> {
  const lock = (await locksOf(projectFolder)).find(({ language }) => language === 'python')
  if (!lock || !(await isMade(lock.folder))) return undefined
  const { file, folder: prefix } = lock
  return {
    path: join(prefix, 'bin/python'),
    prefix,
    name: `the environment made from ${file}`,
    offer: item => `${addTo(file, item)} and create the environment again`,
  }
}

function addTo(file: LockFile, item: string): string {
  return file === 'uv.lock' ? `run \`uv add ${item}\`` : `add ${item} to ${file}`
}
