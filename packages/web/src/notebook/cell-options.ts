/** Options of a cell and what they mean to this page. Pure; how they are written, `cell-options-edit.ts` knows. */
import type { CellBlock } from '@meshbook/core/notebook/cells.ts'

export interface CellOptions {
  label: string
  tags: string[]
  hideInput: boolean
  hideOutput: boolean
  /** False: left out when many cells run. */
  runs: boolean
}

const hideInputTags = ['hide-input', 'hide_input', 'remove-input']
const hideOutputTags = ['hide-output', 'hide_output', 'remove-output']
const skipTags = ['skip-execution']

type OptionsCell = Pick<CellBlock, 'options' | 'style'>

export function optionsOf({ options, style }: OptionsCell): CellOptions {
  const all = listOf(options.tags)
  const has = (names: readonly string[]) => all.some(tag => names.includes(tag))
  const isOff = (name: string) => /^(?:false|no|off)$/i.test(options[name] ?? '')
  const special = style === 'myst' ? [...hideInputTags, ...hideOutputTags, ...skipTags] : []
  return {
    label: textOf(options.label ?? options.name ?? ''),
    tags: all.filter(tag => !special.includes(tag)),
    hideInput: isOff('echo') || has(hideInputTags),
    hideOutput: isOff('output') || has(hideOutputTags),
    runs: !isOff('eval') && !has(skipTags),
  }
}

/** Whether the cell may fail without ending a list of runs: the tag that Jupyter gives this meaning. */
export const mayFail = (cell: OptionsCell): boolean => listOf(cell.options.tags).includes('raises-exception')

/** `[a, "b"]`, `a, b` or `a`. */
function listOf(value: string | undefined): string[] {
  return (value ?? '')
    .replace(/^\[|\]$/g, '')
    .split(',')
    .map(textOf)
    .filter(tag => tag !== '')
}

const textOf = (value: string): string => value.trim().replace(/^(["'])(.*)\1$/s, '$2')
