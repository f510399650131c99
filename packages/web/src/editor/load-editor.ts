/** Loads the editor's chunk. A page that is older than the hub's files cannot: then the user is told to reload, once. */
import { notify } from '../state/toasts.ts'

type EditorModule = typeof import('./code-editor.ts')
let told = false

export async function loadEditor(use: (module: EditorModule) => void): Promise<void> {
  let loaded: EditorModule
  try {
    loaded = await import('./code-editor.ts')
  } catch {
    if (!told) notify('The editor could not be loaded', 'Meshbook may have been updated. Reload the page.', 'bad')
    told = true
    return
  }
  use(loaded)
}
