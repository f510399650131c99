/** A cell: its run button, code, outputs and what can be done with it. */
import { RunGates } from '../gates/gate-list.tsx'
import { CellMenu } from './cell-menu.tsx'
import { CellNotice } from './cell-notice.tsx'
import { CodeArea } from './code-area.tsx'
import { useNotebook } from './open-notebook.ts'
import { OutputView } from './output-view.tsx'
import { RanOn } from './ran-on.tsx'
import { RunButton } from './run-button.tsx'
import { StdinPrompt } from './stdin-prompt.tsx'
import type { CellView as View } from './views.ts'

export function CellView({ itemKey, view, index }: { itemKey: string; view: View; index: number }) {
  const notebook = useNotebook()
  const run = notebook.runOf(itemKey)
  const entry = run === undefined ? undefined : notebook.executions.entry(run).value
  const stale = entry !== undefined && entry.code !== view.code
  const outputs = view.outputs.filter(output => output.runId !== run)
  const current = view.outputs.find(output => output.runId === run)
  return (
    <div class="cell" data-status={entry?.status ?? 'idle'}>
      <RunButton itemKey={itemKey} run={run} status={entry?.status} />
      <div class="cell-card">
        <CodeArea itemKey={itemKey} code={view.code} language={view.language} index={index} />
        {outputs.map(output => (entry && current ? null : <OutputView key={output.runId} output={output} />))}
        {(current || entry) && <OutputView key={run} output={current ?? { runId: run!, text: '', images: [] }} />}
        {entry?.stdinRequest && run !== undefined && (
          <StdinPrompt key={entry.stdinRequest.id} run={run} request={entry.stdinRequest} />
        )}
        {run !== undefined && <RunGates run={run} />}
        <CellNotice itemKey={itemKey} run={run} entry={entry} />
        {entry && <RanOn entry={entry} stale={stale} />}
      </div>
      <CellMenu itemKey={itemKey} language={view.language} />
    </div>
  )
}
