/** Gates of the user's runs as a signal: what is open is loaded once, then the hub's events keep it. */
import type { Gate } from '@meshbook/core/api.ts'
import { computed, signal } from '@preact/signals'
import { api } from '../api/client.ts'
import { newerGate } from '../state/newer-word.ts'

export const gates = signal<ReadonlyMap<string, Gate>>(new Map())
export const openGates = computed(() => [...gates.value.values()].filter(({ state }) => state === 'open'))
const gatesKept = 200

export function gatesOfRun(run: string): Gate[] {
  return [...gates.value.values()].filter(gate => gate.run === run)
}

export async function loadGates(): Promise<void> {
  for (const gate of await api.openGates()) rememberGate(gate)
}

export function rememberGate(gate: Gate): void {
  const next = new Map(gates.value).set(gate.id, newerGate(gates.value.get(gate.id), gate))
  if (next.size > gatesKept) next.delete(next.keys().next().value!)
  gates.value = next
}
