/** A cell: its run button, code, outputs and what can be done with it. */
import { useComputed } from '@preact/signals'
import { whenThere } from '../shell/from-part.tsx'
import { CellMenu } from './cell-menu.tsx'
import { optionsOf } from './cell-options.ts'
import { CodeArea } from './code-area.tsx'
import { doing } from './doing-when-needed.ts'
import { HiddenPart, OptionMarks } from './hidden-part.tsx'
import { useNotebook } from './open-notebook.ts'
import { OutputView } from './output-view.tsx'
import { RanOn } from './ran-on.tsx'
import { RunButton } from './run-button.tsx'
import type { CellView as View } from './views.ts'

const RunGates = whenThere(doing, part => part.RunGates)
const CellNotice = whenThere(doing, part => part.CellNotice)
const StdinPrompt = whenThere(doing, part => part.StdinPrompt)

export function CellView({ itemKey, view, index }: { itemKey: string; view: View; index: number }) {
  const notebook = useNotebook()
  const run = useComputed(() => notebook.runOf(itemKey)).value
  const entry = run === undefined ? undefined : notebook.executions.entry(run).value
  const stale = entry !== undefined && entry.code !== view.code
  const options = optionsOf(view)
  const editing = useComputed(() => notebook.editing.value === itemKey).value
  const selected = useComputed(() => notebook.selected.value === itemKey).value
  const hidesCode = options.hideInput && !editing
  return (
    <div class="cell" data-status={entry?.status ?? 'idle'}>
      <RunButton itemKey={itemKey} run={run} status={entry?.status} />
      <div class="cell-card">
        {hidesCode ? (
          <HiddenPart what="Code" show={() => notebook.edit(itemKey)} />
        ) : (
          <CodeArea itemKey={itemKey} code={view.code} language={view.language} index={index} />
        )}
        <OptionMarks options={options} />
        <Outputs itemKey={itemKey} view={view} run={run} hidden={options.hideOutput} hasEntry={entry !== undefined} />
        {entry?.stdinRequest && run !== undefined && (
          <StdinPrompt key={entry.stdinRequest.id} run={run} request={entry.stdinRequest} />
        )}
        {run !== undefined && <RunGates run={run} />}
        <CellNotice itemKey={itemKey} run={run} entry={entry} />
        {entry && <RanOn entry={entry} stale={stale} />}
      </div>
      <CellMenu itemKey={itemKey} language={view.language} selected={selected} />
    </div>
  )
}

interface OutputsProps {
  itemKey: string
  view: View
  run: string | undefined
  hidden: boolean
  hasEntry: boolean
}

/** Of the newest run, and of older ones as long as that has none. */
function Outputs({ itemKey, view, run, hidden, hasEntry }: OutputsProps) {
  const notebook = useNotebook()
  const current = view.outputs.find(output => output.runId === run)
  if (view.outputs.length > 0 && !notebook.showsOutput(itemKey, hidden))
    return <HiddenPart what="Output" show={() => notebook.toggleOutput(itemKey)} />
  const older = hasEntry && current ? [] : view.outputs.filter(output => output.runId !== run)
  return (
    <>
      {older.map(output => (
        <OutputView key={output.runId} output={output} />
      ))}
      {(current || hasEntry) && <OutputView key={run} output={current ?? { runId: run!, text: '', images: [] }} />}
    </>
  )
}
