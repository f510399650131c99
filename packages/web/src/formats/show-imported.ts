/** Tables, pictures and errors of outputs that were made elsewhere: shown like those of runs (FM25). */
import type { OpenNotebook } from '../notebook/open-notebook.ts'
import { report } from '../state/toasts.ts'
import { fetchAssets } from './page-assets.ts'

export async function showImported({ store, executions, project }: OpenNotebook): Promise<void> {
  const text = store.text.toString()
  if (!/^[`~]{3,}output:.*"outputs": "asset:sha256-/m.test(text)) return
  try {
    const { importedEntries, keptOutputs } = await import('./convert-files.ts')
    const assets = await fetchAssets(found => keptOutputs(text).filter(id => !found.has(id)), project.id)
    executions.showImported(importedEntries(text, assets))
  } catch (thrown) {
    report(thrown, 'Some outputs show as plain text')
  }
}
