/** Where the events of a run come from: the journal of its session, or the one event of a run that never reached a kernel. */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, parseSeq } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type { JournalEvent, KernelSession } from '../kernels/port.ts'

export interface RunSource {
  /** Events above `after`; ends after the terminal event or by the signal. */
  events(after: number, signal: AbortSignal): AsyncIterable<JournalEvent>
  asset(id: AssetId): Promise<Uint8Array>
  /** Nobody needs the events any more. */
  forget(): Promise<void>
}

export function journalOf(session: KernelSession, { run }: Lease): RunSource {
  return {
    events: (after, signal) => session.events(run, after, signal),
    asset: id => session.asset(id),
    forget: () => session.forget(run),
  }
}

/** Tells when its last event has come out of it, whoever reads it. */
export function tellingEnd(source: RunSource, ended: () => void): RunSource {
  return {
    ...source,
    async *events(after, signal) {
      for await (const each of source.events(after, signal)) {
        if (isTerminal(each.event)) ended()
        yield each
      }
    },
  }
}

/** Of a run that was to go on, the event comes behind what its log has. */
export function failureOf({ run, fence, resume }: Pick<Lease, 'run' | 'fence' | 'resume'>, event: RunEvent): RunSource {
  const seq = (resume?.seq ?? 0) + 1
  return {
    async *events(after) {
      if (after < seq) yield { run, fence, seq: parseSeq(seq), event }
    },
    asset: async id => {
      throw new MeshError('NOT_FOUND', { detail: id })
    },
    forget: () => Promise.resolve(),
  }
}

/** What a run ends with that no kernel could take. */
export function failureEvent(thrown: unknown, at: number): RunEvent {
  const error = asMeshError(thrown)
  const message = error.code === 'INTERNAL' && error.cause instanceof Error ? error.cause.message : error.message
  return {
    type: 'failed',
    at,
    durationMs: 0,
    error: { name: error.code, message: `${message}. ${error.entry.hint}`, traceback: [], code: error.code },
  }
}
