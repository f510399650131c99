/** What the monitor asks of, and tells, whoever decides about runs while the hub is out of reach (DV120). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { RunId, SessionId } from '@meshbook/core/ids.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import type { RunSource } from './run-source.ts'
import type { SessionTablePorts } from './session-table.ts'

export interface OwnRuns extends Pick<SessionTablePorts, 'newKernel' | 'isNeeded' | 'keepLabel' | 'dropLabel'> {
  /** Its log is kept there, and the hub gets it from there. */
  has(run: RunId): boolean
  /** Why it waits; undefined for what is not known there. */
  waits(run: RunId): string | undefined
  sourced(run: RunId, source: RunSource): void
  /** A run of the session is over. */
  over(session: SessionId): void
  /** What a client of this machine wrote, that the hub has never been asked about. */
  asked(request: RunRequest & { id: RunId }): void
}

/** Where every lease comes from somebody else. */
export const noOwnRuns: OwnRuns = {
  has: () => false,
  waits: () => undefined,
  sourced: () => undefined,
  over: () => undefined,
  asked: () => undefined,
  isNeeded: () => false,
  keepLabel: () => undefined,
  dropLabel: () => undefined,
  newKernel: () => {
    throw new MeshError('INTERNAL', { detail: 'no kernel goes on as another session here' })
  },
}
