/** The worker thread that runs one job at a time for `UpdateWorker`. */
import { parentPort } from 'node:worker_threads'
import { type JobName, type Jobs, jobs } from './update-jobs.ts'

export type JobRequest = { [N in JobName]: { name: N; args: Jobs[N]['args'] } }[JobName]
export type JobReply = { ok: true; result: unknown } | { ok: false; message: string }

function run<N extends JobName>(name: N, args: Jobs[N]['args']): Jobs[N]['result'] {
  return jobs[name](args)
}

const port = parentPort!
port.on('message', ({ name, args }: JobRequest) => {
  try {
    port.postMessage({ ok: true, result: run(name, args) } satisfies JobReply)
  } catch (thrown) {
    port.postMessage({
      ok: false,
      message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    } satisfies JobReply)
  }
})
