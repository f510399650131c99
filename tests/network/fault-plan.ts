/** What goes wrong in one round: when, where, what and how long, from a seed alone (NW14). */
import type { Chance } from '../soak/random.ts'
import type { Router } from './lab.ts'
import type { Fault } from './tcp-proxy.ts'

export type Trouble =
  /** At the proxy's door of a router. */
  | { at: 'proxy'; fault: Fault }
  /** The router loses all packets. */
  | { at: 'router'; how: 'drop' | 'new-address' }
  /** kill -9 of the desktop's daemon; it is started again when the trouble ends. */
  | { at: 'desk'; how: 'kill' }

export interface PlannedTrouble {
  /** Milliseconds after the phone has begun to ask. */
  afterMs: number
  /** How long until it is mended. */
  lastsMs: number
  router: Router
  trouble: Trouble
}

export function faultPlan(chance: Chance): PlannedTrouble[] {
  return Array.from({ length: chance.between(1, 3) }, () => plannedTrouble(chance)).sort(
    (a, b) => a.afterMs - b.afterMs,
  )
}

function plannedTrouble(chance: Chance): PlannedTrouble {
  const kind = chance.between(0, 99)
  return {
    afterMs: chance.between(0, 2_500),
    lastsMs: chance.between(100, 3_500),
    router: chance.between(0, 9) < 7 ? 'home' : 'carrier',
    trouble: troubleOf(kind, chance),
  }
}

function troubleOf(kind: number, chance: Chance): Trouble {
  if (kind < 20) return { at: 'proxy', fault: { kind: 'partition', how: 'silent' } }
  if (kind < 35) return { at: 'proxy', fault: { kind: 'partition', how: 'refused' } }
  if (kind < 55)
    return { at: 'proxy', fault: { kind: 'half-open', direction: chance.pick(['up', 'down', 'both'] as const) } }
  if (kind < 65) return { at: 'proxy', fault: { kind: 'reset' } }
  if (kind < 75) return { at: 'proxy', fault: { kind: 'stall', ms: chance.between(100, 2_000) } }
  if (kind < 88) return { at: 'router', how: 'drop' }
  if (kind < 94) return { at: 'router', how: 'new-address' }
  return { at: 'desk', how: 'kill' }
}
