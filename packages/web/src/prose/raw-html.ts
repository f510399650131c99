/** HTML that stands in Markdown. Until the sanitiser is here its elements are left out, not what is drawn between them. */
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../shell/needed-part.ts'

/** Text with elements that strangers wrote, or what was drawn of the Markdown between. */
export type Piece = { html: string } | { drawn: ComponentChildren }

export const htmlReading = neededPart(() => import('./safe-html.ts'))
export const loadHtmlReading = (): void => void htmlReading.load().catch(() => undefined)

export function RawHtml({ pieces }: { pieces: readonly Piece[] }): ComponentChildren {
  useEffect(loadHtmlReading, [])
  const reading = htmlReading.part.value
  if (reading) return reading.drawHtml(pieces)
  return pieces.map(piece => ('html' in piece ? null : piece.drawn))
}
