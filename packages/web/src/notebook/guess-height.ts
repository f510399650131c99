/** How high an item will be, before it was ever drawn: near enough that the scroll bar does not jump. Pure. */
import { countLines } from './text-chunks.ts'
import type { ItemView, OutputView } from './views.ts'

const codeLine = 21.6
const codePadding = 22
const outputPadding = 20
const foldedLines = 40
const showsWholeUpTo = 60
const foldBar = 33
const imageHeight = 320
const ranOn = 30
const proseLine = 27

export function guessHeight(view: ItemView): number {
  if (view.kind === 'output') return Math.round(outputHeight(view.output))
  if (view.kind !== 'cell') return proseHeight(view)
  const code = Math.max(1, countLines(view.code)) * codeLine + codePadding
  const outputs = view.outputs.reduce((sum, output) => sum + outputHeight(output), 0)
  return Math.round(code + outputs + (view.outputs.length > 0 ? ranOn : 0))
}

function proseHeight({ kind, source }: { kind: string; source: string }): number {
  return kind === 'front-matter' ? 36 : Math.round(source.trim().split('\n').length * proseLine + 16)
}

function outputHeight({ text, images }: OutputView): number {
  const lines = countLines(text, showsWholeUpTo + 1)
  const shown = lines > showsWholeUpTo ? foldedLines * codeLine + foldBar : lines * codeLine
  return shown + (lines > 0 ? outputPadding : 0) + images.length * imageHeight
}
