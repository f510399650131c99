/**
 * In which forms a displayed value can be shown, the best first (OU2). One value may have several representations, and
 * one representation several forms: HTML is a table, or a page in a frame. Pure.
 */
import type { MimePart } from '@meshbook/core/run.ts'

export type FormKind = 'plotly' | 'vega' | 'table' | 'html' | 'page' | 'image' | 'markdown' | 'latex' | 'json' | 'text'

export interface Form {
  kind: FormKind
  /** What it is called in the menu. */
  label: string
  part: MimePart
}

interface Rule {
  kind: FormKind
  label: string
  type: RegExp
}

/** In the order of preference. */
const rules: readonly Rule[] = [
  { kind: 'plotly', label: 'Plotly figure', type: /^application\/vnd\.plotly\.v\d+\+json$/ },
  { kind: 'vega', label: 'Vega figure', type: /^application\/vnd\.vega(?:lite)?\.v\d+(?:\.\d+)*\+json$/ },
  { kind: 'table', label: 'Table', type: /^application\/vnd\.dataresource\+json$/ },
  { kind: 'html', label: 'HTML', type: /^text\/html$/ },
  { kind: 'image', label: 'SVG image', type: /^image\/svg\+xml$/ },
  { kind: 'image', label: 'PNG image', type: /^image\/png$/ },
  { kind: 'image', label: 'JPEG image', type: /^image\/jpe?g$/ },
  { kind: 'image', label: 'GIF image', type: /^image\/gif$/ },
  { kind: 'image', label: 'WebP image', type: /^image\/webp$/ },
  { kind: 'markdown', label: 'Markdown', type: /^text\/markdown$/ },
  { kind: 'latex', label: 'Formula', type: /^text\/latex$/ },
  { kind: 'json', label: 'JSON', type: /^application\/json$/ },
  { kind: 'text', label: 'Text', type: /^text\/plain$/ },
]

/** What the known forms are made of, as it was sent: asked for, never chosen by itself. */
const sources: readonly Rule[] = [
  { kind: 'page', label: 'Web page', type: /^text\/html$/ },
  { kind: 'json', label: 'JSON', type: /^application\/.+\+json$/ },
  { kind: 'text', label: 'Source', type: /^(?:text\/(?!plain)|image\/svg\+xml)/ },
]

export function formsOf(parts: readonly MimePart[]): Form[] {
  const by = (list: readonly Rule[]) =>
    list.flatMap(({ kind, label, type }) =>
      parts.filter(part => type.test(part.mimeType)).map(part => ({ kind, label, part })),
    )
  const known = by(rules)
  // What nobody here draws comes after the text beside it.
  const others = parts
    .filter(part => !known.some(form => form.part === part))
    .flatMap((part): Form[] => {
      if (/\+json$/.test(part.mimeType)) return [{ kind: 'json', label: `JSON (${part.mimeType})`, part }]
      return /^text\//.test(part.mimeType) ? [{ kind: 'text', label: part.mimeType, part }] : []
    })
  const ofKnown = by(sources).filter(form => known.some(({ part }) => part === form.part))
  return labelled([...known, ...others, ...ofKnown])
}

/** Two forms of one name are told apart by their type. */
function labelled(forms: readonly Form[]): Form[] {
  return forms.map((form, at) =>
    forms.findIndex(other => other.label === form.label) === at
      ? form
      : { ...form, label: `${form.label} (${form.part.mimeType})` },
  )
}

/** Whether there is more to it than its plain text. */
export function isRich(parts: readonly MimePart[]): boolean {
  return formsOf(parts).some(({ kind, part }) => kind !== 'text' || part.mimeType !== 'text/plain')
}
