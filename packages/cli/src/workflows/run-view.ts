/** Shows a run as it goes: one JSON object an event, a tree that is drawn anew on a terminal, or lines. */
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import { printJson, say } from '../print.ts'
import { lineOf, treeOf } from './run-lines.ts'

export interface RunView {
  events(events: readonly RunEvent[], state: WorkflowState): void
  /** Something of a step for the one who watches. */
  tell(text: string): void
}

export function runView(run: string, { json, written }: { json: boolean; written: number }): RunView {
  if (json) return jsonView(run, written)
  return process.stderr.isTTY ? treeView() : lineView()
}

function jsonView(run: string, written: number): RunView {
  let seq = written
  return {
    events: events => {
      for (const event of events) printJson({ run, seq: ++seq, event })
    },
    tell: () => undefined,
  }
}

function lineView(): RunView {
  return {
    events: events => {
      for (const event of events) {
        const line = lineOf(event)
        if (line !== undefined) say(line)
      }
    },
    tell: text => say(text),
  }
}

function treeView(): RunView {
  let drawn = 0
  const clear = (): void => {
    if (drawn > 0) process.stderr.write(`\u001b[${drawn}A\u001b[J`)
    drawn = 0
  }
  return {
    events: (events, state) => {
      clear()
      const width = Math.max(20, process.stderr.columns - 1)
      const end = events.map(lineOf).filter((_, i) => events[i]!.type !== 'workflow')
      const lines = [...treeOf(state), ...end.filter(line => line !== undefined)].map(line =>
        [...line].slice(0, width).join(''),
      )
      process.stderr.write(`${lines.join('\n')}\n`)
      drawn = state.isOver ? 0 : lines.length
    },
    tell: text => {
      clear()
      say(text)
    },
  }
}
