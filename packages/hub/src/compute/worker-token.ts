/** A worker's token where its runner finds it, and nobody else (CP61). */
import { chown, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tokenFile } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { canMount } from './mounting.ts'
import type { TaskWorkerSpec } from './port.ts'
import { taskUsers } from './task-users.ts'

let written = 0

export async function leaveToken({ socketFolder, token }: TaskWorkerSpec): Promise<void> {
  const path = join(socketFolder, 'runner', tokenFile)
  written += 1
  const aside = `${path}.${process.pid}.${written}`
  try {
    // Under root the runner is a user of its own; otherwise the folder around it is what keeps others out.
    await writeFile(aside, token, { mode: canMount ? 0o400 : 0o444 })
    if (canMount) await chown(aside, taskUsers.runner.uid, taskUsers.runner.gid)
    await rename(aside, path)
  } catch (cause) {
    throw new MeshError('COMPUTE_UNAVAILABLE', {
      detail: `the sockets of the worker are not at ${socketFolder}`,
      cause,
    })
  }
}
