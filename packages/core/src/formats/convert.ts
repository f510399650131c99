/** The formats by name, for whoever imports and exports: files on a disk, or a page. Pure. */
import { MeshError } from '../errors.ts'
import type { AssetId } from '../ids.ts'
import { assetsIn } from '../ids.ts'
import { fromIpynb } from './ipynb/from-ipynb.ts'
import { toIpynb } from './ipynb/to-ipynb.ts'
import { toMyst } from './myst.ts'
import { fromPercent, scriptExtension, scriptLanguage, toPercent } from './percent.ts'
import { besideName, withPaths } from './plain-cells.ts'
import { toQuarto } from './quarto.ts'

/** What a document can be exported to; `html` is drawn by the hub's renderer. */
export const textFormats = ['ipynb', 'qmd', 'myst', 'percent'] as const
export type TextFormat = (typeof textFormats)[number]

export interface Imported {
  markdown: string
  assets: ReadonlyMap<AssetId, Uint8Array>
  cells?: number
  /** Of ipynb: whether an export gives the same bytes. */
  exact?: boolean
}

/** By the name of the file. Throws BAD_FORMAT with where in the file. */
export function importFile(name: string, bytes: Uint8Array): Imported {
  const text = decoded(bytes)
  const language = scriptLanguage(name)
  if (/\.ipynb$/i.test(name)) return fromIpynb(text)
  if (/\.(?:md|qmd|markdown)$/i.test(name)) return { markdown: text, assets: new Map() }
  if (language !== undefined) return { markdown: fromPercent(text, language), assets: new Map() }
  throw new MeshError('BAD_FORMAT', {
    detail: `${name}: .ipynb, .qmd, .md, .py, .R, .jl, .js, .ts and .sh can be imported`,
  })
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MeshError('BAD_FORMAT', { detail: 'it is not UTF-8 text', cause })
  }
}

export interface Exported {
  text: string
  /** Of the file, without a dot. */
  extension: string
  /** What must stand beside it, by relative path. */
  files: ReadonlyMap<string, Uint8Array>
  missing: readonly AssetId[]
}

export function exportText(
  markdown: string,
  format: TextFormat,
  { assets, outputs }: { assets: ReadonlyMap<AssetId, Uint8Array>; outputs: boolean },
): Exported {
  if (format === 'ipynb') {
    const { text, missing } = toIpynb(markdown, { assets, outputs })
    return { text, extension: 'ipynb', files: new Map(), missing }
  }
  const { text, extension } = plainText(markdown, format)
  const shown = assetsIn(text)
  const here = new Map([...assets].filter(([id]) => shown.includes(id)))
  const files = new Map([...here].map(([id, bytes]) => [besideName(id, bytes), bytes]))
  return { text: withPaths(text, here), extension, files, missing: shown.filter(id => !assets.has(id)) }
}

function plainText(markdown: string, format: Exclude<TextFormat, 'ipynb'>): { text: string; extension: string } {
  if (format === 'qmd') return { text: toQuarto(markdown), extension: 'qmd' }
  if (format === 'myst') return { text: toMyst(markdown), extension: 'md' }
  const { text, language } = toPercent(markdown)
  return { text, extension: scriptExtension(language) }
}
