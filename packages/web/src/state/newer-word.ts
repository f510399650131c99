/**
 * What is known after one more word of the hub. An answer to a request may arrive after the event of what happened since;
 * what says less than is known takes nothing back.
 */
import type { Gate, Run } from '@meshbook/core/api.ts'

/** Events carry no text of a gate; what is known of it stays. */
export function newerGate(known: Gate | undefined, heard: Gate): Gate {
  const newer = known && progressOf(known) > progressOf(heard) ? known : heard
  const shown = heard.shown ?? known?.shown
  return shown === undefined ? newer : { ...newer, shown }
}

/** A gate is decided once, and its device confirms that once. */
const progressOf = ({ state, receivedAt }: Gate): number => (state === 'open' ? 0 : receivedAt === null ? 1 : 2)

type Told = Pick<Run, 'endedAt' | 'fence' | 'seq'>

/** A run ends once, each lease has a higher fence than the one before, and each event of a log a higher number. */
export function newerRun<R extends Told>(known: R | undefined, heard: R): R {
  if (!known) return heard
  if ((known.endedAt === null) !== (heard.endedAt === null)) return known.endedAt === null ? heard : known
  const ahead = (known.fence ?? 0) - (heard.fence ?? 0) || known.seq - heard.seq
  return ahead > 0 ? known : heard
}
