/** What the hub has is shown from there: here it stays only until the hub has said what became of it. */
import { effect, type ReadonlySignal } from '@preact/signals'
import { asApiError } from '../../api/api-error.ts'
import { api } from '../../api/client.ts'
import type { RunInfo } from '../../state/known.ts'
import type { Outbox } from './outbox.ts'

export function settleSent(
  outbox: Pick<Outbox, 'runs' | 'forgetSent'>,
  runs: ReadonlySignal<ReadonlyMap<string, RunInfo>>,
  hub: ReadonlySignal<string>,
): void {
  /** Asked for once; what happens later, the hub's events tell. */
  const asked = new Set<string>()
  const ask = async (id: string) => {
    asked.add(id)
    try {
      if (hasBegun(await api.run(id))) await outbox.forgetSent([id])
    } catch (thrown) {
      if (asApiError(thrown).code === 'NOT_FOUND') await outbox.forgetSent([id])
      else asked.delete(id)
    }
  }
  effect(() => {
    if (hub.value !== 'open') return
    const sent = outbox.runs.value.filter(({ state }) => state.is === 'sent')
    const begun = sent.filter(({ id }) => hasBegun(runs.value.get(id)))
    void outbox.forgetSent(begun.map(({ id }) => id)).catch(() => undefined)
    for (const { id } of sent) if (!runs.value.has(id) && !asked.has(id)) void ask(id).catch(() => undefined)
  })
}

const hasBegun = (run: RunInfo | undefined): boolean =>
  run !== undefined && (run.device !== null || run.endedAt !== null)
