/** Runs the `meshbook` command: errors are turned into words and exit codes here and only here. */

import { asMeshError, exitCodes } from '@meshbook/core/errors.ts'
import type { Command } from 'commander'
import { meshbookProgram } from './all-commands.ts'
import { printError } from './print.ts'

const program = await meshbookProgram(process.argv.slice(2).find(arg => !arg.startsWith('-')))
throwInsteadOfExit(program)

/** Commander ends the process itself unless each command is told not to, the nested ones too. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride()
  for (const nested of command.commands) throwInsteadOfExit(nested)
}

try {
  await program.parseAsync()
} catch (thrown) {
  process.exitCode = exitCodeOf(thrown)
}

/** Commander has already explained its own errors (a wrong option, or a request for help). */
function exitCodeOf(thrown: unknown): number {
  if (
    thrown instanceof Error &&
    'code' in thrown &&
    typeof thrown.code === 'string' &&
    thrown.code.startsWith('commander.')
  ) {
    return 'exitCode' in thrown && thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  }
  const error = asMeshError(thrown)
  printError(error, program.opts<{ json?: boolean }>().json === true)
  return error.entry.exit ?? exitCodes.error
}
