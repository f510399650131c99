/** What task workers of the contract run: the first process of a worker, and in the place of runner and tools two shells. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { TaskWorkerSpec } from '@meshbook/hub/compute/port.ts'
import type { Cleanup } from '../mesh-process.ts'

export const obeyingRunner = [
  '/bin/bash',
  '-c',
  'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.05; done',
]
export const deafRunner = ['/bin/bash', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']
export const idleTools = ['/bin/bash', '-c', 'while read -r line; do echo "$line"; done']

/** Orders whose socket folders are there and empty. */
export async function taskSpecs(
  t: Cleanup,
  limits: Partial<TaskWorkerSpec['limits']> = {},
): Promise<() => Promise<TaskWorkerSpec>> {
  const folder = await mkdtemp(join(tmpdir(), 'mb-sockets-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return async () => {
    const id = newId('worker', Date.now(), systemRandom)
    const socketFolder = join(folder, id)
    for (const half of ['runner', 'tools']) await mkdir(join(socketFolder, half), { recursive: true })
    return {
      id,
      kind: 'task',
      token: 'mw_once',
      socketFolder,
      workspace: { from: 'nothing' },
      limits: {
        memoryBytes: 256 * 1024 ** 2,
        cpus: 0.5,
        processes: 64,
        diskBytes: 64 * 1024 ** 2,
        wallMs: 600_000,
        ...limits,
      },
    }
  }
}
