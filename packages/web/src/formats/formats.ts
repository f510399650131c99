/** What a notebook can be exported as, and how the formats are called. */
import type { TextFormat } from '@meshbook/core/formats/convert.ts'

export type Format = TextFormat | 'html'

export const formats: readonly (readonly [Format, string])[] = [
  ['ipynb', 'Jupyter (.ipynb)'],
  ['qmd', 'Quarto (.qmd)'],
  ['myst', 'MyST (.md)'],
  ['percent', 'script with # %%'],
  ['html', 'HTML, one file'],
]
