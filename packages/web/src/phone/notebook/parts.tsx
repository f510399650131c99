/** What is done in a notebook, apart from what reads it: here at a press, as it came while nothing else was to be done. */
import type { ExecutionEntry, StdinRequest } from '@meshbook/core/executions.ts'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../../shell/needed-part.ts'
import type { PhoneNotebook } from './phone-notebook.ts'
import { ranWords } from './ran-words.ts'

const doing = neededPart(() => import('./doing-parts.tsx'))
const load = () => void doing.load().catch(() => undefined)

/** So that a first press does not wait, and works without the hub. What cannot be had now is asked for at the press. */
export const fetchParts = load

export const stopRun = async (notebook: PhoneNotebook, run: string): Promise<void> =>
  (await doing.load()).stopRun(notebook, run)

/** Until it is here the text stands as it was read. */
export function EditArea(props: { itemKey: string; label: string; language?: string; text: string }) {
  useEffect(load, [])
  const Area = doing.part.value?.EditArea
  const { text, ...rest } = props
  return Area ? <Area {...rest} /> : <pre class="edit waiting">{text}</pre>
}

export function Question(props: { run: string; request: StdinRequest }) {
  useEffect(load, [])
  const Form = doing.part.value?.Question
  return Form ? <Form {...props} /> : <p class="words">{props.request.prompt}</p>
}

/** Where it ran, in words; once more can be done about it, as a button. */
export function CellFoot(props: {
  notebook: PhoneNotebook | undefined
  itemKey: string
  entry: ExecutionEntry | undefined
}) {
  const { notebook, entry, itemKey } = props
  const Foot = doing.part.value?.CellFoot
  if (Foot && notebook) return <Foot notebook={notebook} entry={entry} itemKey={itemKey} />
  const words = entry ? ranWords(entry, Date.now()) : ''
  return words === '' ? null : (
    <p class="cell-foot">
      <span class="ran">{words}</span>
    </p>
  )
}

/** Under the keys of an item that is edited it is not shown; sheets are. */
export function NotebookBar({ notebook }: { notebook: PhoneNotebook }) {
  const parts = doing.part.value
  useEffect(() => parts?.settleRuns(notebook), [notebook, parts])
  const keys = notebook.keys.value
  if (!parts) return null
  return (
    <>
      {keys ? <parts.KeyBar notebook={notebook} keys={keys} /> : <parts.NotebookBar notebook={notebook} />}
      <parts.Sheet />
    </>
  )
}
