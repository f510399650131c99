/** What an agent of either kind does between two steps: it obeys what people told it, and waits while it must (AL31, AL32). */
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { Controls } from './controls.ts'
import type { AgentState } from './fold.ts'
import type { TaskLog } from './ports.ts'

export interface Standing {
  state(): AgentState
  write(event: TaskEvent): void
  controls: Controls
  log: TaskLog
  /** Aborted when the time is over. */
  over: AbortSignal
  /** What was open is answered as not done. */
  onInterrupt(by: string): void
}

/** Returns when it may go on; before that if somebody stops it or its time is over. */
export async function standStill(standing: Standing): Promise<{ stoppedBy: string } | 'over' | undefined> {
  const { controls, log, over, state, write } = standing
  const isOver = aborted(over)
  for (;;) {
    const changed = controls.changed
    if (controls.stoppedBy !== undefined) return { stoppedBy: controls.stoppedBy }
    if (over.aborted) return 'over'
    obey(standing)
    const [message] = controls.unheard(state().heard)
    if (state().stands?.interrupted && message) write({ type: 'unpaused', by: message.by })
    if (!state().stands) return undefined
    await log.flush()
    await Promise.race([changed, isOver])
  }
}

function obey({ controls, state, write, onInterrupt }: Standing): void {
  const wanted = controls.takeWanted()
  if (!wanted) return
  const { as, by } = wanted
  const stands = state().stands !== undefined
  if (stands && as === 'continue') write({ type: 'unpaused', by })
  if (stands || as === 'continue') return
  if (as === 'interrupt') onInterrupt(by)
  write({ type: 'paused', by, ...(as === 'interrupt' ? { interrupted: true } : {}) })
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
