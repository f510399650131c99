/** The same kernel behind the same host and journal, without a hub: what local execution takes. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { newId, parseFence, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { KernelSessions } from '@meshbook/device/kernels/port.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import type { Timed } from './timed.ts'

export interface LocalKernel {
  run(code: string): Promise<Timed>
  stop(): Promise<void>
}

export async function startLocalKernel(parent: string): Promise<LocalKernel> {
  const folder = join(parent, 'local')
  await mkdir(folder, { recursive: true })
  const fresh = <K extends 'run' | 'session' | 'head' | 'project'>(kind: K) => newId(kind, Date.now(), systemRandom)
  const kernels: KernelSessions = createKernelSessions({ folder, now: Date.now, random: systemRandom, limits })
  const fence = parseFence(1)
  const session = await kernels.start({
    ...{ session: fresh('session'), head: fresh('head'), project: fresh('project'), fence },
    ...{ projectFolder: folder, language: 'python', name: 'bench', device: 'Local' },
  })
  return {
    async run(code) {
      const run = fresh('run')
      const started = performance.now()
      const timed: Timed = { firstMs: Number.NaN, endMs: Number.NaN, characters: 0 }
      await session.execute({ run, fence, code, cellName: 'bench' })
      for await (const { event } of session.events(run, 0, new AbortController().signal)) {
        if (event.type !== 'stdout') continue
        if (timed.characters === 0) timed.firstMs = performance.now() - started
        timed.characters += event.text.length
      }
      timed.endMs = performance.now() - started
      await session.forget(run)
      return timed
    },
    stop: () => kernels.stopAll(),
  }
}
