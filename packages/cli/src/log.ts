/** The log of a process: JSON lines in a file of its data folder, secrets blanked; the level by MESHBOOK_LOG. */
import { openSync, write } from 'node:fs'
import { join } from 'node:path'
import { type Log, newLog } from '@meshbook/hub/log.ts'

export function openLog(folder: string): Log {
  const file = openSync(join(folder, 'meshbook.log'), 'a', 0o600)
  // A full disk costs lines of the log; it must not cost the process.
  return newLog(process.env.MESHBOOK_LOG ?? 'info', { write: line => write(file, line, () => undefined) })
}
