/** Gates where they matter: all that are open above the list of runs, and those of one run below its cell. */
import { GateCard } from './gate-card.tsx'
import { gates, gatesOfRun } from './gate-store.ts'

export function OpenGates() {
  // What was decided here stays in sight, with its receipt.
  const shown = [...gates.value.values()].sort((a, b) => b.openedAt - a.openedAt)
  if (shown.length === 0) return null
  return (
    <section aria-label="What runs ask you" class="gate-list">
      {shown.map(gate => (
        <GateCard key={gate.id} gate={gate} />
      ))}
    </section>
  )
}

export function RunGates({ run }: { run: string }) {
  return (
    <>
      {gatesOfRun(run).map(gate => (
        <GateCard key={gate.id} gate={gate} />
      ))}
    </>
  )
}
