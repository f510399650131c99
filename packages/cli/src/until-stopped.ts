/** Stopping by SIGINT or SIGTERM, in order; a second signal, or too long a stop, ends the process at once. */
import { exitCodes } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { say } from './print.ts'

/** To be called before anything is started, so that a signal while starting stops in order too. */
export function stopSignal(): Promise<void> {
  return new Promise<void>(resolve => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}

/** Ends with the exit code that was set, for a stop that has a reason. */
export async function closeAfter(stop: Promise<unknown>, close: () => Promise<void>, quiet: boolean): Promise<never> {
  await stop
  if (!quiet) say('\nStopping…')
  process.once('SIGINT', () => process.exit(exitCodes.interrupted))
  setTimeout(() => process.exit(exitCodes.error), 2 * limits.shutdownMs).unref()
  await close()
  process.exit(process.exitCode ?? exitCodes.ok)
}
