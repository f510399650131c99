/** Terminal text with its colours, as spans. The text has been through the terminal resolver: only colours are left. */
import Anser from 'anser'
import { memo } from '../shell/memo.ts'

interface Piece {
  content: string
  fg: string | null
  bg: string | null
  decorations: readonly string[]
}

const known = /^ansi-(?:bright-)?(black|red|green|yellow|blue|magenta|cyan|white)$/

export const AnsiText = memo(function AnsiText({ text, carry = '' }: { text: string; carry?: string }) {
  if (carry === '' && !text.includes('\u001b')) return <>{text}</>
  const pieces = Anser.ansiToJson(carry + text, { use_classes: true, remove_empty: true }) as unknown as (Piece & {
    fg_truecolor?: string | null
    bg_truecolor?: string | null
  })[]
  return (
    <>
      {pieces.map(piece => {
        const backgroundColor = colour(piece.bg, piece.bg_truecolor)
        const style = { color: readable(colour(piece.fg, piece.fg_truecolor), backgroundColor), backgroundColor }
        const plain = !style.color && !style.backgroundColor && piece.decorations.length === 0
        return plain ? (
          piece.content
        ) : (
          <span class={piece.decorations.map(name => `ansi-${name}`).join(' ')} style={style}>
            {piece.content}
          </span>
        )
      })}
    </>
  )
})

/** A colour that a program chose for a black screen, nearer to the colour of text so that it can be read here too. */
function readable(colour: string | undefined, background: string | undefined): string | undefined {
  return colour?.startsWith('rgb') && background === undefined
    ? `color-mix(in oklab, ${colour} 58%, var(--text))`
    : colour
}

function colour(name: string | null, truecolor: string | null | undefined): string | undefined {
  if (!name) return undefined
  const base = known.exec(name)?.[1]
  if (base) return `var(--ansi-${base})`
  if (name === 'ansi-truecolor' && truecolor && /^[\d, ]+$/.test(truecolor)) return `rgb(${truecolor})`
  const palette = /^ansi-palette-(\d{1,3})$/.exec(name)?.[1]
  return palette === undefined ? undefined : paletteColour(Number(palette))
}

/** The 256-colour palette of xterm. */
function paletteColour(index: number): string {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10
    return `rgb(${grey},${grey},${grey})`
  }
  const level = (n: number) => (n === 0 ? 0 : 55 + n * 40)
  const cube = index - 16
  return `rgb(${level(Math.floor(cube / 36))},${level(Math.floor(cube / 6) % 6)},${level(cube % 6)})`
}
