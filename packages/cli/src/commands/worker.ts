import { MeshError } from '@meshbook/core/errors.ts'
import { snapshotUseSchema } from '@meshbook/core/snapshot.ts'
import { Command } from 'commander'
import * as v from 'valibot'
import { say } from '../print.ts'
import { stopSignal } from '../until-stopped.ts'
import { runWorker } from '../worker/run-worker.ts'

/** What a container of a hub runs; of no use to a person. */
export function workerCommand(): Command {
  return new Command('worker')
    .description('be a worker of a hub, in a container that the hub has made')
    .action(async () => {
      const stop = stopSignal()
      const token = setting('MESHBOOK_WORKER_TOKEN')
      // Kernels inherit what is left.
      delete process.env.MESHBOOK_WORKER_TOKEN
      const worker = await runWorker({
        socket: setting('MESHBOOK_WORKER_SOCKET'),
        token,
        folder: process.env.MESHBOOK_WORKER_FOLDER ?? '/work',
        timesDivisor: Number(process.env.MESHBOOK_TIMES_DIVISOR ?? 1),
        snapshots: v.parse(snapshotUseSchema, process.env.MESHBOOK_SNAPSHOT ?? 'off'),
        log: say,
      })
      const why = await Promise.race([stop.then(() => 'it was told to'), worker.alone])
      say(`This worker ends: ${why}.`)
      await worker.close()
      process.exit(0)
    })
}

function setting(name: string): string {
  const value = process.env[name]
  if (value) return value
  throw new MeshError('BAD_CONFIG', { detail: `${name} is not set; a hub starts workers by itself` })
}
