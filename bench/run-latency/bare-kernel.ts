/** The peer of the latency benchmark: the interpreter's own socket, with no host, journal, hub or document around it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { KernelClient, type NumberedKernelEvent } from '@meshbook/device/kernels/kernel-client.ts'
import { launch } from '@meshbook/device/kernels/launch.ts'

export interface BareKernel {
  /** Milliseconds from the request to the first text; waits for the run's end before it resolves. */
  firstOutputMs(code: string): Promise<number>
  stop(): void
}

export async function startBareKernel(parent: string): Promise<BareKernel> {
  const folder = join(parent, 'bare')
  await mkdir(folder, { recursive: true })
  const kernel = await launch({
    folder,
    mark: 'bench',
    language: 'python',
    projectFolder: folder,
    env: process.env,
    limits,
    nodePath: process.execPath,
    random: systemRandom,
  })
  let onEvent: (event: NumberedKernelEvent) => void = () => undefined
  const handlers = { onEvent: (event: NumberedKernelEvent) => onEvent(event), onClose: () => undefined }
  const client = await KernelClient.connect(kernel, limits, handlers, AbortSignal.timeout(limits.kernelStartMs))
  return {
    async firstOutputMs(code) {
      const run = newId('run', Date.now(), systemRandom)
      const started = performance.now()
      let first = Number.NaN
      const ended = new Promise<void>(resolve => {
        onEvent = ({ event }) => {
          if (event.type === 'stdout' && Number.isNaN(first)) first = performance.now() - started
          if (event.type === 'completed' || event.type === 'failed') resolve()
        }
      })
      await client.request('execute', { run, code, name: 'bench' })
      await ended
      return first
    },
    stop() {
      client.close()
      process.kill(kernel.pid, 'SIGKILL')
    },
  }
}
