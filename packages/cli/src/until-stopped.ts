/** Runs until SIGINT or SIGTERM, then stops in order; a second signal, or too long a stop, ends the process at once. */
import { exitCodes } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { say } from './print.ts'

export async function untilStopped(close: () => Promise<void>, quiet: boolean): Promise<void> {
  await new Promise<void>(resolve => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  if (!quiet) say('\nStopping…')
  process.once('SIGINT', () => process.exit(exitCodes.interrupted))
  setTimeout(() => process.exit(exitCodes.error), 2 * limits.shutdownMs).unref()
  await close()
  process.exit(exitCodes.ok)
}
