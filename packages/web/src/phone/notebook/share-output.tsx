/** Shared from one output: its pictures, its text, a link to its run (PH61). */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { assetUrl } from '../../api/asset-addresses.ts'
import { displaysOf } from '../../notebook/output-view.tsx'
import { notebookAt } from '../place.ts'
import { share, shareImage } from '../share.ts'
import { SheetAction, showSheet } from '../shell/sheet.tsx'
import { titleOf } from '../words.ts'
import type { PhoneNotebook } from './phone-notebook.ts'

export function showShare(notebook: PhoneNotebook, key: string, entry: ExecutionEntry): void {
  const { document, project } = notebook
  const title = titleOf(document.path)
  const view = notebook.store.view(key)?.peek()
  const output = view?.kind === 'cell' ? view.outputs.find(({ runId }) => runId === entry.id) : undefined
  const pictures = new Set([...(output?.images ?? []).map(({ asset }) => asset as string), ...shownAssets(entry)])
  const url = `${location.origin}${notebookAt(project.name, document.path)}#run-${encodeURIComponent(entry.id)}`
  showSheet('Share this output', () => (
    <>
      {[...pictures].map((asset, at) => (
        <SheetAction
          key={asset}
          label={pictures.size === 1 ? 'The picture' : `Picture ${at + 1}`}
          act={() => shareImage(assetUrl(asset), title)}
        />
      ))}
      {output && output.text.trim() !== '' && (
        <SheetAction label="The text" act={() => share({ title, text: output.text })} />
      )}
      <SheetAction label="A link to this run" act={() => share({ title, url })} />
    </>
  ))
}

/** Pictures that the run displayed and that are too large for the document. */
function shownAssets(entry: ExecutionEntry): string[] {
  return displaysOf(entry).flatMap(({ parts }) =>
    parts.flatMap(part => (part.at === 'asset' && part.mimeType.startsWith('image/') ? [part.asset as string] : [])),
  )
}
