/** Terminal text with its colours, as spans. The text has been through the terminal resolver: only colours are left. */
import type { Style } from '@meshbook/core/terminal/style.ts'
import { memo } from '../shell/memo.ts'
import { css, onGround, onPage, type Rgb } from './readable-colour.ts'
import { baseColour, classesOf, otherColour, styledPieces } from './styled-text.ts'

const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

/** The eight colours as terminals show them: where the program says what is behind the text, the theme has no say. */
const screen: readonly Rgb[] = [
  [24, 26, 32],
  [190, 40, 56],
  [40, 132, 80],
  [226, 184, 74],
  [44, 92, 200],
  [150, 56, 160],
  [30, 132, 146],
  [228, 229, 233],
]

export const AnsiText = memo(function AnsiText({ text, carry = '' }: { text: string; carry?: string }) {
  if (carry === '' && !text.includes('\u001b')) return <>{text}</>
  return (
    <>
      {styledPieces(carry + text).map(({ text, style }) => {
        const look = lookOf(style)
        const classes = classesOf(style)
        if (look.color === undefined && classes.length === 0) return text
        return (
          <span class={classes.join(' ')} style={look}>
            {text}
          </span>
        )
      })}
    </>
  )
})

function lookOf({ foreground, background }: Style): { color?: string; backgroundColor?: string } {
  const ground = rgbOf(background)
  if (ground) return { color: css(onGround(rgbOf(foreground) ?? screen[7]!, ground)), backgroundColor: css(ground) }
  const base = baseColour(foreground)
  if (base !== undefined) return { color: `var(--ansi-${names[base]})` }
  const colour = otherColour(foreground)
  return colour ? { color: onPage(colour) } : {}
}

const rgbOf = (code: string): Rgb | undefined => screen[baseColour(code) ?? -1] ?? otherColour(code)
