/** Import and export in the menu of a notebook; what does it comes when it is asked for. */
import type { TextFormat } from '@meshbook/core/formats/convert.ts'
import type { OpenNotebook } from '../notebook/open-notebook.ts'
import { withLater } from '../shell/later-when-needed.ts'
import type { MenuEntry } from '../shell/menu.tsx'

export type Format = TextFormat | 'html'

export const formats: readonly (readonly [Format, string])[] = [
  ['ipynb', 'Jupyter (.ipynb)'],
  ['qmd', 'Quarto (.qmd)'],
  ['myst', 'MyST (.md)'],
  ['percent', 'script with # %%'],
  ['html', 'HTML, one file'],
]

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
