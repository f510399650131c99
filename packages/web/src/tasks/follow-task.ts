/** The transcript of one task, followed live (TP1). */
import { addToTranscript, noTranscript, type Transcript } from '@meshbook/core/task-transcript.ts'
import { type ReadonlySignal, signal } from '@preact/signals'
import { type FollowedLog, type FollowPorts, followLog } from '../runs/follow-log.ts'

export { browserFollowPorts, type FollowPorts, type Source } from '../runs/follow-log.ts'

export interface FollowedTask extends FollowedLog {
  readonly transcript: ReadonlySignal<Transcript>
}

/** `isOver`: nothing comes any more that is not there. */
export function followTask(id: string, isOver: () => boolean, ports: FollowPorts): FollowedTask {
  const transcript = signal(noTranscript)
  const take: Parameters<typeof followLog>[1]['take'] = events => {
    transcript.value = addToTranscript(transcript.peek(), events)
    return Boolean(transcript.peek().ended)
  }
  return { transcript, ...followLog(id, { isOver, take }, ports) }
}
