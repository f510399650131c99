/** What is done in a notebook, apart from what reads it: each is here at a press, as it came while nothing else was to be done. */
import type { StdinRequest } from '@meshbook/core/executions.ts'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../../shell/needed-part.ts'

const editing = neededPart(() => import('./edit-area.tsx').then(module => module.EditArea))
const asking = neededPart(() => import('./question.tsx').then(module => module.Question))
export const stopping = neededPart(() => import('../../notebook/stop-run.ts').then(module => module.stopRun))

/** So that a first press does not wait, and works without the hub. What cannot be had now is asked for at the press. */
export function fetchParts(): void {
  for (const part of [editing, asking, stopping]) part.load().catch(() => undefined)
}

/** Until it is here the text stands as it was read. */
export function EditArea(props: { itemKey: string; label: string; language?: string; text: string }) {
  useEffect(() => void editing.load().catch(() => undefined), [])
  const Area = editing.part.value
  const { text, ...rest } = props
  return Area ? <Area {...rest} /> : <pre class="edit waiting">{text}</pre>
}

export function Question(props: { run: string; request: StdinRequest }) {
  useEffect(() => void asking.load().catch(() => undefined), [])
  const Form = asking.part.value
  return Form ? <Form {...props} /> : <p class="words">{props.request.prompt}</p>
}
