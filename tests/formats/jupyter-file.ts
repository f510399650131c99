/** Jupyter's own library, for notebook files that it made and as the judge of those that we make. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const script = join(import.meta.dirname, 'make-notebook.py')
const python = '/usr/bin/python3'
const run = promisify(execFile)

export async function makeNotebook(path: string): Promise<void> {
  await run(python, ['-Xfrozen_modules=off', script, 'make', path], { timeout: 120_000 })
}

/** `valid same` if nbformat accepts the file and would write the same bytes. */
export async function validated(path: string): Promise<string> {
  const { stdout } = await run(python, [script, 'check', path], { timeout: 60_000 })
  return stdout.trim()
}
