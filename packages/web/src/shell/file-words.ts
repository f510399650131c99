/** What a file is called by its ending. A guess for people: what is shown is decided by the bytes. Pure. */
import type { IconName } from './icons.tsx'

const kinds: Record<string, string> = {
  csv: 'CSV table',
  tsv: 'TSV table',
  json: 'JSON',
  jsonl: 'JSON lines',
  txt: 'Text',
  md: 'Markdown',
  py: 'Python source',
  js: 'JavaScript source',
  ts: 'TypeScript source',
  html: 'HTML source',
  xml: 'XML',
  yaml: 'YAML',
  yml: 'YAML',
  parquet: 'Parquet table',
  xlsx: 'Excel workbook',
  pdf: 'PDF document',
  zip: 'ZIP archive',
  gz: 'Gzip archive',
  ipynb: 'Jupyter notebook',
  png: 'PNG image',
  jpg: 'JPEG image',
  jpeg: 'JPEG image',
  gif: 'GIF image',
  webp: 'WebP image',
  svg: 'SVG image',
}

export function kindOf(path: string): string {
  const ending = /\.([^./]{1,12})$/.exec(path)?.[1] ?? ''
  return Object.hasOwn(kinds, ending.toLowerCase())
    ? kinds[ending.toLowerCase()]!
    : `${ending.toUpperCase()} file`.trim()
}

export const fileIcon = (path: string): IconName => (kindOf(path).endsWith('image') ? 'image' : 'lines')
