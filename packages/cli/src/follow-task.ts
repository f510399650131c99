/** Shows a task on the terminal while it goes on. Leaving does not stop it: it works elsewhere, for everybody. */
import { exitCodes } from '@meshbook/core/errors.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { addToTranscript, noTranscript } from '@meshbook/core/task-transcript.ts'
import type { ApiClient } from './api-client.ts'
import { printJson, progress, say } from './print.ts'
import { goingWords, TaskPrinter } from './task-lines.ts'

export interface FollowTaskOptions {
  json: boolean
  full: boolean
  colours: boolean
  /** The last event that is waited for; without it all until the task ends. */
  until?: number
}

/** Resolves with the exit code that its end stands for. */
export async function followTask(client: ApiClient, task: string, options: FollowTaskOptions): Promise<number> {
  if (options.until === 0) return exitCodes.ok
  const stop = new AbortController()
  const leave = () => stop.abort()
  process.on('SIGINT', leave)
  const line = progress()
  const printer = new TaskPrinter(options)
  let transcript = noTranscript
  let microUsd = 0
  try {
    for await (const numbered of client.events(task, 0, stop.signal)) {
      const { seq, event } = numbered
      if (options.json) printJson({ run: task, seq, ...event })
      else {
        transcript = addToTranscript(transcript, [numbered])
        microUsd += costOf(event)
        line.clear()
        for (const text of printer.next(transcript)) process.stdout.write(`${text}\n`)
        if (!transcript.ended) line.show(goingWords(transcript, microUsd))
      }
      const code = exitCodeOf(event)
      if (code !== undefined) return code
      if (options.until !== undefined && seq >= options.until) return exitCodes.ok
    }
    line.clear()
    say(`The task goes on without you looking. Stop it: meshbook task stop ${task}`)
    return exitCodes.interrupted
  } finally {
    line.clear()
    stop.abort()
    process.off('SIGINT', leave)
  }
}

const costOf = (event: RunEvent): number =>
  event.type === 'task' && event.event.type === 'turn-ended' ? event.event.microUsd : 0

function exitCodeOf({ type }: RunEvent): number | undefined {
  if (type === 'completed') return exitCodes.ok
  if (type === 'failed') return exitCodes.runFailed
  return type === 'cancelled' || type === 'interrupted' ? exitCodes.interrupted : undefined
}
