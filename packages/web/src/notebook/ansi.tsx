/** Terminal text with its colours, as spans. The text has been through the terminal resolver: only colours are left. */
import Anser from 'anser'
import { memo } from '../shell/memo.ts'
import { css, onGround, onPage, type Rgb } from './readable-colour.ts'

interface Piece {
  content: string
  fg: string | null
  bg: string | null
  decorations: readonly string[]
  fg_truecolor?: string | null
  bg_truecolor?: string | null
}

const known = /^ansi-(?:bright-)?(black|red|green|yellow|blue|magenta|cyan|white)$/

/** The eight colours as terminals show them: where the program says what is behind the text, the theme has no say. */
const screen: Record<string, Rgb> = {
  black: [24, 26, 32],
  red: [190, 40, 56],
  green: [40, 132, 80],
  yellow: [226, 184, 74],
  blue: [44, 92, 200],
  magenta: [150, 56, 160],
  cyan: [30, 132, 146],
  white: [228, 229, 233],
}

export const AnsiText = memo(function AnsiText({ text, carry = '' }: { text: string; carry?: string }) {
  if (carry === '' && !text.includes('\u001b')) return <>{text}</>
  const pieces = Anser.ansiToJson(carry + text, { use_classes: true, remove_empty: true }) as unknown as Piece[]
  return (
    <>
      {pieces.map(piece => {
        const style = styleOf(piece)
        const plain = style.color === undefined && piece.decorations.length === 0
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

function styleOf({ fg, bg, fg_truecolor, bg_truecolor }: Piece): { color?: string; backgroundColor?: string } {
  const ground = rgbOf(bg, bg_truecolor)
  const colour = rgbOf(fg, fg_truecolor)
  if (ground) return { color: css(onGround(colour ?? screen.white!, ground)), backgroundColor: css(ground) }
  const name = fg === null ? undefined : known.exec(fg)?.[1]
  if (name !== undefined) return { color: `var(--ansi-${name})` }
  return colour ? { color: onPage(colour) } : {}
}

function rgbOf(name: string | null, truecolor: string | null | undefined): Rgb | undefined {
  if (!name) return undefined
  const base = known.exec(name)?.[1]
  if (base !== undefined) return screen[base]
  if (name === 'ansi-truecolor' && truecolor && /^[\d, ]+$/.test(truecolor)) {
    const [red = 0, green = 0, blue = 0] = truecolor.split(',').map(channel => Math.min(255, Number(channel)))
    return [red, green, blue]
  }
  const palette = /^ansi-palette-(\d{1,3})$/.exec(name)?.[1]
  return palette === undefined ? undefined : paletteColour(Number(palette))
}

/** The 256-colour palette of xterm. */
function paletteColour(index: number): Rgb {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10
    return [grey, grey, grey]
  }
  const level = (n: number) => (n === 0 ? 0 : 55 + n * 40)
  const cube = index - 16
  return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]
}
