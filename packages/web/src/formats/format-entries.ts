/** Import and export in the menu of a notebook; what does it comes when it is asked for. */
import type { OpenNotebook } from '../notebook/open-notebook.ts'
import { withLater } from '../shell/later-when-needed.ts'
import type { MenuEntry } from '../shell/menu.tsx'
import { formats } from './formats.ts'

export function formatEntries(notebook: OpenNotebook): MenuEntry[] {
  return [
    { label: 'Import…', icon: 'file', run: () => withLater(to => to.chooseFiles(notebook.project)) },
    { title: 'Export as' },
    ...formats.map(([format, name]) => ({
      label: name,
      icon: 'file' as const,
      run: () => withLater(to => to.exportAs(notebook, format)),
    })),
  ]
}
