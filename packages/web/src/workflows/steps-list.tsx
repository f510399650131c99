/** The steps of a run in words: what the graph says, as a list (PO71). */

import { dollars } from '@meshbook/core/task-words.ts'
import { edgesIn } from '@meshbook/core/workflow/check-workflow.ts'
import { duration } from '../notebook/duration.ts'
import { StandingIcon, type StepsProps, saidStep } from './graph-view.tsx'
import { standingTones, standingWords } from './step-words.ts'

export function StepsList({ steps, graph, run, chosen, choose }: StepsProps) {
  const before = edgesIn(steps)
  return (
    <ol class="flow-steps" aria-label="Steps in words">
      {graph.layers.flat().map(id => {
        const { standing, kind, count } = saidStep(id, steps[id], run)
        const facts = run.facts.get(id)
        const needs = before.get(id) ?? []
        const took = facts?.endedAt != null && !facts.isKept ? duration(facts.endedAt - facts.beganAt) : ''
        const cost = facts && facts.microUsd > 0 ? dollars(facts.microUsd) : ''
        return (
          <li key={id}>
            <button type="button" class="flow-step" aria-pressed={id === chosen} onClick={() => choose(id)}>
              <span class={`pill ${standingTones[standing]}`}>
                <StandingIcon standing={standing} size={12} />
                {standingWords[standing]}
              </span>
              <span class="flow-step-words">
                <strong>{id}</strong>
                <span class="faint">
                  {[kind, count, took && `took ${took}`, cost, needs.length > 0 && `after ${needs.join(', ')}`]
                    .filter(Boolean)
                    .join(' · ')}
                </span>
              </span>
            </button>
          </li>
        )
      })}
    </ol>
  )
}
