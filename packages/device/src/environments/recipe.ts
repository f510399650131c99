/** How the environment of each kind of lock file is made: which tools, with which arguments. Pure but for asking what is there. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { FoundLock } from './lock-file.ts'

export interface Step {
  /** For people: `Installing packages`. */
  title: string
  command: string[]
  /** The project's folder if absent. */
  cwd?: string
  env?: Record<string, string>
  /** Files that are put into the environment before. */
  copies?: string[]
  /** A line that tells that one more of `expected` is done. */
  counts?: RegExp
  expected?: number
}

/** The path of a program, if there is one. */
export type FindTool = (name: string) => Promise<string | undefined>

/** Throws ENVIRONMENT_TOOL_MISSING with what to install. */
export async function recipeFor(lock: FoundLock, find: FindTool): Promise<Step[]> {
  switch (lock.file) {
    case 'uv.lock':
      return fromUvLock(lock, find)
    case 'pylock.toml':
    case 'requirements.txt':
      return fromRequirements(lock, find)
    case 'environment.yml':
      return fromConda(lock, find)
    case 'renv.lock':
      return fromRenv(lock, find)
    case 'package-lock.json':
      return fromNpm(lock, find)
  }
}

const uvHint = 'Install uv: `python3 -m pip install uv`, or see docs.astral.sh/uv.'

async function fromUvLock({ folder, text }: FoundLock, find: FindTool): Promise<Step[]> {
  const uv = await must(find, 'uv.lock', ['uv'], uvHint)
  return [
    {
      title: 'Installing packages',
      command: [uv, 'sync', '--frozen', '--no-install-project', '--no-progress', '--color', 'never'],
      env: { UV_PROJECT_ENVIRONMENT: folder },
      counts: /^ \+ /,
      expected: count(text, /^\[\[package\]\]/gm),
    },
  ]
}

async function fromRequirements({ folder, file, text }: FoundLock, find: FindTool): Promise<Step[]> {
  const python = `${folder}/bin/python`
  const isLocked = file === 'pylock.toml'
  const uv = isLocked ? await must(find, file, ['uv'], uvHint) : await find('uv')
  const expected = count(text, isLocked ? /^\[\[packages\]\]/gm : /^\s*[A-Za-z0-9]/gm)
  if (uv) {
    const quiet = ['--no-progress', '--color', 'never']
    const install = isLocked ? ['sync'] : ['install', '--requirement']
    return [
      { title: 'Making the environment', command: [uv, 'venv', ...quiet, folder] },
      {
        title: 'Installing packages',
        command: [uv, 'pip', install[0]!, ...quiet, '--python', python, ...install.slice(1), file],
        counts: /^ \+ /,
        expected,
      },
    ]
  }
  const base = await must(find, file, ['python3', 'python'], 'Install Python 3.8 or later (`apt install python3`).')
  const pip = [python, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--no-color']
  return [
    { title: 'Making the environment', command: [base, '-m', 'venv', folder] },
    {
      title: 'Installing packages',
      command: [...pip, '--progress-bar', 'off', '--requirement', file],
      counts: /^(?:Collecting|Requirement already satisfied)/,
      expected,
    },
  ]
}

async function fromConda({ folder, file, text }: FoundLock, find: FindTool): Promise<Step[]> {
  const hint = 'Install micromamba or conda (conda-forge.org/download).'
  const tool = await must(find, file, ['micromamba', 'mamba', 'conda'], hint)
  const create = tool.endsWith('micromamba') ? ['create', '--yes'] : ['env', 'create', '--yes']
  return [
    {
      title: 'Installing packages',
      command: [tool, ...create, '--prefix', folder, '--file', file],
      env: { CONDA_REPORT_ERRORS: 'false' },
      counts: /^\s*\+ |linking|Linking/,
      expected: count(text, /^\s+- /gm),
    },
  ]
}

async function fromRenv({ folder, file, text }: FoundLock, find: FindTool): Promise<Step[]> {
  const rscript = await must(find, file, ['Rscript'], 'Install R (`apt install r-base-core`, or from r-project.org).')
  // Paths reach R as arguments, never as text of its program.
  const script =
    'a <- commandArgs(TRUE); if (!requireNamespace("renv", quietly = TRUE)) stop("renv is not installed; run install.packages(\\"renv\\") in R"); ' +
    'options(renv.consent = TRUE); dir.create(a[[2]], recursive = TRUE, showWarnings = FALSE); ' +
    'renv::restore(project = a[[1]], library = a[[2]], lockfile = file.path(a[[1]], "renv.lock"), prompt = FALSE)'
  return [
    {
      title: 'Installing packages',
      command: [rscript, '--vanilla', '-e', script, '.', folder],
      counts: /\binstalled\b|^- Installing/,
      expected: count(text, /"Package"\s*:/g),
    },
  ]
}

async function fromNpm({ folder, file, text }: FoundLock, find: FindTool): Promise<Step[]> {
  const npm = await must(find, file, ['npm'], 'Install Node.js with npm (nodejs.org).')
  return [
    {
      title: 'Installing packages',
      command: [npm, 'ci', '--no-audit', '--no-fund', '--no-progress', '--loglevel=http'],
      cwd: folder,
      copies: ['package.json', file],
      counts: /^npm http fetch GET 200/,
      expected: count(text, /^ {4}"node_modules\//gm),
    },
  ]
}

async function must(find: FindTool, file: string, names: readonly string[], hint: string): Promise<string> {
  for (const name of names) {
    const path = await find(name)
    if (path) return path
  }
  throw new MeshError('ENVIRONMENT_TOOL_MISSING', { detail: `${file} needs ${names.join(' or ')}. ${hint}` })
}

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length
}
