/** How far a task has come: a fold over its events, for lists and for whoever replaces its worker. Pure. */
import type { ErrorCode } from './errors.ts'
import type { TaskEvent, Usage } from './task-events.ts'

export interface TaskState {
  turn: number
  usage: Usage
  microUsd: number
  /** The last checkpoint. */
  commit: string | null
  changed: { files: number; added: number; removed: number } | null
  paused: boolean
  finished: { outcome: 'done' | 'failed' | 'stopped'; summary: string; code: ErrorCode | null } | null
  pushed: { branch: string; commit: string } | null
  pullRequest: { url: string; number: number } | null
}

export const noTaskState: TaskState = {
  turn: 0,
  usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 },
  microUsd: 0,
  commit: null,
  changed: null,
  paused: false,
  finished: null,
  pushed: null,
  pullRequest: null,
}

export function stepTask(state: TaskState, event: TaskEvent): TaskState {
  switch (event.type) {
    case 'turn-began':
      return { ...state, turn: event.turn }
    case 'turn-ended':
      return { ...state, usage: sumOf(state.usage, event.usage), microUsd: state.microUsd + event.microUsd }
    case 'checkpoint': {
      const { commit, files, added, removed } = event
      return { ...state, commit, changed: { files, added, removed } }
    }
    case 'paused':
      return { ...state, paused: true }
    case 'unpaused':
      return { ...state, paused: false }
    case 'finished':
      return { ...state, finished: { outcome: event.outcome, summary: event.summary, code: event.code ?? null } }
    case 'pushed':
      return { ...state, pushed: { branch: event.branch, commit: event.commit } }
    case 'pull-request':
      return { ...state, pullRequest: { url: event.url, number: event.number } }
    default:
      return state
  }
}

function sumOf(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  }
}
