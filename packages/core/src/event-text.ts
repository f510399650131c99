/**
 * The JSON of a run's event, made once however often it is measured, sent and stored. Events are not changed once they
 * are made, so what was written down for one stays true.
 */
import type { RunEvent } from './run.ts'

const texts = new WeakMap<RunEvent, string>()

export function textOfEvent(event: RunEvent): string {
  const known = texts.get(event)
  if (known !== undefined) return known
  const text = JSON.stringify(event)
  texts.set(event, text)
  return text
}
