/**
 * The colours that the outputs of one page use, as classes: the page's policy refuses `style` attributes, so a colour
 * that is none of the eight named ones gets a rule of its own in the page's style sheet.
 */
import { limits } from '@meshbook/core/limits.ts'

export type Colour = { name: (typeof colourNames)[number] } | { red: number; green: number; blue: number }

export const colourNames = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const

export class ColourRules {
  readonly #rules = new Map<string, string>()

  /** The class for a colour of text (`on` is whether a background is set too), or of the background. */
  classOf(colour: Colour, plane: 'text' | 'back', on = false): string {
    if ('name' in colour) return `${plane === 'text' ? 'fg' : 'bg'}-${colour.name}`
    const { red, green, blue } = this.#exact ? colour : coarse(colour)
    const hex = [red, green, blue].map(part => part.toString(16).padStart(2, '0')).join('')
    const name = `${plane === 'back' ? 'bg' : on ? 'fc' : 'fg'}-${hex}`
    this.#rules.set(name, `.${name}{${ruleOf(`#${hex}`, plane, on)}}`)
    return name
  }

  css(): string {
    return [...this.#rules.values()].join('\n')
  }

  /** A page with more colours than one can tell apart gets coarser ones, so that its style sheet stays small. */
  get #exact(): boolean {
    return this.#rules.size < limits.publishedColours
  }
}

/** A colour that a program chose for a black screen is drawn nearer to that of text, so that it can be read here too. */
function ruleOf(colour: string, plane: 'text' | 'back', on: boolean): string {
  if (plane === 'back') return `background:${colour}`
  return on ? `color:${colour}` : `color:color-mix(in oklab,${colour} 58%,var(--text))`
}

function coarse({ red, green, blue }: { red: number; green: number; blue: number }) {
  return { red: red & 0xc0, green: green & 0xc0, blue: blue & 0xc0 }
}

/** The 256-colour palette of xterm. */
export function paletteColour(index: number): Colour {
  if (index < 16) return { name: colourNames[index % 8]! }
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10
    return { red: grey, green: grey, blue: grey }
  }
  const level = (n: number): number => (n === 0 ? 0 : 55 + n * 40)
  const cube = index - 16
  return { red: level(Math.floor(cube / 36)), green: level(Math.floor(cube / 6) % 6), blue: level(cube % 6) }
}
