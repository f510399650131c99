/** The log of a process: JSON lines in a file of its data folder, secrets blanked; the level by MESHBOOK_LOG. */
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { newLog, type Log } from '@meshbook/hub/log.ts'

export function openLog(folder: string): Log {
  return newLog(process.env.MESHBOOK_LOG ?? 'info', createWriteStream(join(folder, 'meshbook.log'), { flags: 'a', mode: 0o600 }))
}
