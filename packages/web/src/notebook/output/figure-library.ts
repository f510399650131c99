/**
 * The libraries that draw figures, as text: they run inside the frames of figures alone, never in this page, and each
 * is fetched once (OU7).
 */
import plotlyUrl from 'plotly.js-strict-dist-min/plotly-strict.min.js?url'
import vegaUrl from './vega-in-frame.ts?worker&url'

export type FigureKind = 'plotly' | 'vega'

const urls: Record<FigureKind, string> = { plotly: plotlyUrl, vega: vegaUrl }
const texts = new Map<FigureKind, Promise<string>>()

export function libraryOf(kind: FigureKind): Promise<string> {
  const known = texts.get(kind)
  if (known) return known
  const coming = fetched(urls[kind])
  texts.set(kind, coming)
  // What failed for want of a network is asked for again.
  coming.catch(() => texts.delete(kind))
  return coming
}

async function fetched(url: string): Promise<string> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`the library of this figure could not be loaded (${response.status})`)
  return response.text()
}
