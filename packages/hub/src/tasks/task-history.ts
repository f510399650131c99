/** The conversation that a fork begins with (TK23): what was said and done up to the turn that it goes on from. */
import type { RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TaskRow } from '../store/tasks.ts'

/** Forks of forks. */
const mostForks = 20
const conversation = new Set<TaskEvent['type']>([
  'heard',
  'turn-began',
  'turn-ended',
  'tool-began',
  'tool-ended',
  'compacted',
])

/** Pure: of one log, what belongs to the conversation up to a turn. What it cost was paid by its own task. */
export function conversationUpTo(events: readonly RunEvent[], turn: number): TaskEvent[] {
  const all = events.flatMap(event => (event.type === 'task' ? [event.event] : []))
  const next = all.findIndex(event => event.type === 'turn-began' && event.turn > turn)
  return all
    .slice(0, next < 0 ? all.length : next)
    .filter(({ type }) => conversation.has(type))
    .map(event => (event.type === 'turn-ended' ? { ...event, microUsd: 0 } : event))
}

/** In parts, the oldest first. */
export async function historyOf(
  store: Pick<HubStore, 'query'>,
  task: Pick<TaskRow, 'org' | 'from'>,
): Promise<TaskEvent[][]> {
  const parts: TaskEvent[][] = []
  let from = task.from
  for (let forks = 0; from !== null && forks < mostForks; forks++) {
    const { org } = task
    parts.unshift(...(await logOf(store, org, from.task, from.turn)))
    const turn = from.turn
    const before = await store.query('findTask', { org, id: from.task })
    from = before?.from && before.from.turn < turn ? before.from : null
  }
  return parts
}

async function logOf(
  store: Pick<HubStore, 'query'>,
  org: TaskRow['org'],
  id: RunId,
  turn: number,
): Promise<TaskEvent[][]> {
  const events: RunEvent[] = []
  for (;;) {
    const page = await store.query('readEvents', { org, id, after: events.length, mostBytes: limits.taskAssetBytes })
    if (!page || page.events.length === 0) break
    events.push(...page.events.map(({ text }) => JSON.parse(text) as RunEvent))
  }
  return inParts(conversationUpTo(events, turn))
}

function inParts(events: readonly TaskEvent[]): TaskEvent[][] {
  const parts: TaskEvent[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const event of events) {
    const own = JSON.stringify(event).length
    if (bytes + own > limits.taskAssetBytes) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)!.push(event)
    bytes += own
  }
  return parts
}
