/** What of an item is shown, without offsets, so that text which only moved is never drawn again. Pure. */
import type { CellStyle, OutputBlock } from '@meshbook/core/notebook/cells.ts'
import type { TextReader } from '@meshbook/core/text/long-text.ts'
import type { Item } from './items.ts'

export interface OutputView {
  runId: string
  text: string
  images: readonly { alt: string; asset: string }[]
}
export interface CellView {
  kind: 'cell'
  language: string
  style: CellStyle
  code: string
  options: Readonly<Record<string, string>>
  outputs: readonly OutputView[]
}
export type ItemView =
  | CellView
  | { kind: 'prose' | 'front-matter'; source: string }
  | { kind: 'output'; output: OutputView }

export function viewOf(item: Item, text: TextReader): ItemView {
  if (item.kind === 'cell') {
    const { language, style, code, options } = item.cell
    return { kind: 'cell', language, style, code, options, outputs: item.outputs.map(outputView) }
  }
  if (item.kind === 'output') return { kind: 'output', output: outputView(item.output) }
  return { kind: item.kind, source: text.slice(item.from, item.to) }
}

function outputView({ runId, text, images }: OutputBlock): OutputView {
  return { runId, text, images: images.map(({ alt, asset }) => ({ alt, asset })) }
}

export function sameView(a: ItemView, b: ItemView): boolean {
  if (a.kind === 'cell' && b.kind === 'cell') {
    return (
      a.code === b.code &&
      a.language === b.language &&
      a.style === b.style &&
      sameOptions(a.options, b.options) &&
      sameList(a.outputs, b.outputs, sameOutput)
    )
  }
  if (a.kind === 'output' && b.kind === 'output') return sameOutput(a.output, b.output)
  return a.kind === b.kind && 'source' in a && 'source' in b && a.source === b.source
}

function sameOptions(a: CellView['options'], b: CellView['options']): boolean {
  if (a === b) return true
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key])
}

function sameOutput(a: OutputView, b: OutputView): boolean {
  return (
    a.runId === b.runId &&
    a.text === b.text &&
    sameList(a.images, b.images, (x, y) => x.asset === y.asset && x.alt === y.alt)
  )
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((value, at) => same(value, b[at]!))
}
