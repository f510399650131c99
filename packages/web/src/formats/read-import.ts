/** Has a file of another format read by a worker of its own, which ends with it. */
import type { Imported } from '@meshbook/core/formats/convert.ts'
import { limits } from '@meshbook/core/limits.ts'
import { ApiError } from '../api/http.ts'
import type { ImportReply } from './import-worker.ts'

export async function readImport(file: File): Promise<Imported> {
  const worker = new Worker(new URL('./import-worker.ts', import.meta.url), { type: 'module' })
  try {
    return await answerOf(worker, file)
  } finally {
    worker.terminate()
  }
}

function answerOf(worker: Worker, file: File): Promise<Imported> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new ApiError('TIMEOUT', `${file.name} takes too long to read`)),
      limits.importMs,
    )
    const settle = (act: () => void) => {
      clearTimeout(timer)
      act()
    }
    worker.onmessage = ({ data }: MessageEvent<ImportReply>) =>
      settle(() =>
        'imported' in data ? resolve(data.imported) : reject(new ApiError(data.problem.code, data.problem.detail)),
      )
    worker.onerror = () => settle(() => reject(new ApiError('UNREACHABLE', 'what reads files could not be loaded')))
    worker.postMessage({ name: file.name, file })
  })
}
