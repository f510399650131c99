/** Waits for the first question to a model, and for no task that will not ask one. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Task } from '@meshbook/core/tasks-api.ts'

export type Looked = Pick<Task, 'state' | 'reasons' | 'endedAt'>

export interface FirstQuestion<Of> {
  asked: Promise<Of>
  look(): Promise<Looked>
  /** Why it is not going on, each reason once. */
  waits(why: string): void
  lookMs: number
  mostMs: number
}

/** Rejects as soon as the task has ended without a question, and after `mostMs`, each time with what the hub says of it. */
export async function firstQuestion<Of>({ asked, look, waits, lookMs, mostMs }: FirstQuestion<Of>): Promise<Of> {
  const over = new AbortController()
  const watched = async (): Promise<never> => {
    let said = ''
    for (const since = performance.now(); ; ) {
      await sleep(lookMs, undefined, { signal: over.signal })
      const seen = await look()
      if (over.signal.aborted) throw over.signal.reason
      const why = seen.reasons.join(' ')
      if (seen.endedAt !== null) throw new Error(`it ended as ${inWords(seen)} before the model was asked`)
      if (performance.now() - since > mostMs)
        throw new Error(`the model was not asked within ${mostMs / 1_000} s; it is ${inWords(seen)}`)
      if (why !== '' && why !== said) waits(why)
      said = why
    }
  }
  return Promise.race([asked, watched()]).finally(() => over.abort())
}

const inWords = ({ state, reasons }: Looked): string => (reasons.length > 0 ? `${state} (${reasons.join(' ')})` : state)
