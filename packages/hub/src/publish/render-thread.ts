/** The thread that makes pages: a job, an answer. What one hostile document does to it, the next does not feel. */
import { parentPort } from 'node:worker_threads'
import { doJob, type JobResult, type RenderJob } from './render-job.ts'

/** `ready` says once that the thread has loaded what it needs. */
export type ThreadAnswer = { ready: true } | { ok: true; result: JobResult } | { ok: false; message: string }

parentPort!.on('message', (job: RenderJob) => parentPort!.postMessage(answerTo(job)))
parentPort!.postMessage({ ready: true } satisfies ThreadAnswer)

function answerTo(job: RenderJob): ThreadAnswer {
  try {
    return { ok: true, result: doJob(job) }
  } catch (thrown) {
    return { ok: false, message: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}
