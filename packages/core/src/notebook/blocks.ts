/**
 * What a notebook's text consists of. Blocks stand in order and cover the whole text: each begins where the one before
 * it ended, so the text is the blocks' slices joined. Offsets count UTF-16 units; a block holds whole lines, with
 * their line endings. Made only by `parseNotebook`; must not know how text is split or edited.
 */
import type { AssetId, RunId } from '../ids.ts'
import type { FrontMatter } from './front-matter.ts'

export interface Notebook {
  frontMatter: FrontMatter | undefined
  blocks: Block[]
}

export type Block = FrontMatterBlock | ProseBlock | CellBlock | OutputBlock

export interface FrontMatterBlock {
  kind: 'front-matter'
  from: number
  to: number
}

/** Markdown that is not run: text, and fences of languages that are not runnable. */
export interface ProseBlock {
  kind: 'prose'
  from: number
  to: number
}

/** How a fence says that it is a cell: ```` ```python ````, Quarto's `{python}`, MyST's `{code-cell} python`. */
export type CellStyle = 'plain' | 'quarto' | 'myst'

export interface CellBlock {
  kind: 'cell'
  from: number
  to: number
  /** As written on the fence, in lower case. */
  language: string
  style: CellStyle
  /** What is run: the lines between the fences, with LF endings, without the fence's own indentation. */
  code: string
  /**
   * Where the code stands, without its last line ending and without MyST options. In a cell with no line at all both
   * are the start of the closing fence: who inserts code there must add a line ending.
   */
  codeFrom: number
  codeTo: number
  options: Record<string, string>
  /** Counts the cells of the notebook from 0. */
  index: number
  fence: Fence
  /** The output block that directly follows, if one does; it is also a block of its own in the list. */
  output?: OutputBlock
  /** Where the last of the output blocks ends that directly follow (a merge can leave more than one); else `to`. */
  outputsTo: number
}

export interface Fence {
  char: '`' | '~'
  length: number
  /** Spaces before the opening fence, at most 3. */
  indent: number
  /** False if the text ends before the fence is closed. */
  closed: boolean
  /** The line ending after the opening fence; empty if the text ends there. */
  eol: '' | '\n' | '\r\n' | '\r'
}

/** The output of one run: a fence `output:<run id>`, and the image lines that directly follow it. */
export interface OutputBlock {
  kind: 'output'
  runId: RunId
  /** From the opening fence to after the last image line. */
  from: number
  to: number
  /** The text between the fences, without its last line ending. */
  text: string
  textFrom: number
  textTo: number
  /** Where the line after the closing fence begins. */
  fenceTo: number
  fence: Fence
  images: OutputImage[]
}

export interface OutputImage {
  alt: string
  asset: AssetId
  from: number
  to: number
}

export function cellsOf(notebook: Notebook): CellBlock[] {
  return notebook.blocks.filter(block => block.kind === 'cell')
}

/** The cell whose fence begins at or before `offset` and ends after it: what a cell anchor points to. */
export function cellAt(notebook: Notebook, offset: number): CellBlock | undefined {
  return cellsOf(notebook).find(cell => cell.from <= offset && offset < cell.to)
}

export function outputOf(notebook: Notebook, run: RunId): OutputBlock | undefined {
  return notebook.blocks.find(block => block.kind === 'output' && block.runId === run) as OutputBlock | undefined
}
