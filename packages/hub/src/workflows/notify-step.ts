/** A step that tells whoever began the run, by the ways that they have (WQ43). */
import type { Now } from '@meshbook/core/ids.ts'
import type { WayKind } from '@meshbook/core/notify-api.ts'
import type { notifyWays } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Executed, Execution } from '@meshbook/engine/workflow/ports.ts'
import type { AskerOfRun } from '../runs/asker-of-run.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { RunOfSteps } from './acting.ts'

type NamedWay = (typeof notifyWays)[number]

/** Which ways of a user a name in the file means; on a desktop only the machine itself can tell. */
const meant: Readonly<Record<NamedWay, readonly WayKind[]>> = {
  push: ['push', 'ntfy', 'webhook'],
  email: ['email'],
  slack: ['slack'],
  desktop: [],
}

export async function tellBeginner(
  { store, now }: { store: Pick<HubStore, 'call'>; now: Now },
  { org, id, project }: RunOfSteps,
  { asker }: AskerOfRun,
  { input, key, emit }: Execution,
): Promise<Executed> {
  const { title, text = '', ways } = input as { title: unknown; text?: unknown; ways?: NamedWay[] }
  const told = await store.call('tellFromWorkflow', {
    ...{ org, run: id, project, to: asker, key, title: asShown(title), text: asShown(text), now: now() },
    ways: ways === undefined ? null : [...new Set(ways.flatMap(way => meant[way]))],
  })
  if (told === 'unheard') emit('nobody was told: whoever began the run has no such way, or has turned this off\n')
  return { output: { title: title as string } }
}

const asShown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
