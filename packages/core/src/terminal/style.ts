/** Colours and attributes of terminal text: SGR parameters in, one canonical SGR out. */

export interface Style {
  /** Bit n is set for SGR attribute n (1 bold, 2 faint, 3 italic, 4 underline, 5 blink, 7 inverse, 8 hidden, 9 struck). */
  flags: number
  /** Canonical parameters of the colours, for example `31` or `38;5;208`; empty for the default. */
  foreground: string
  background: string
}

export const plain: Style = { flags: 0, foreground: '', background: '' }

const attributes = [1, 2, 3, 4, 5, 7, 8, 9]
const off: Record<number, number> = {
  22: (1 << 1) | (1 << 2),
  23: 1 << 3,
  24: 1 << 4,
  25: 1 << 5,
  27: 1 << 7,
  28: 1 << 8,
  29: 1 << 9,
}

/** The parameters that produce a style from the default one; empty for the default. Equal styles give equal text. */
export function codeOf(style: Style): string {
  const set = attributes.filter(n => style.flags & (1 << n)).map(String)
  return [...set, style.foreground, style.background].filter(code => code !== '').join(';')
}

/** What must be written between text of two styles (as `codeOf` gives them). */
export function transition(from: string, to: string): string {
  if (from === to) return ''
  if (to === '') return '\u001b[0m'
  return from === '' ? `\u001b[${to}m` : `\u001b[0;${to}m`
}

/** Applies the parameters of one SGR sequence; what is not understood changes nothing. */
export function applySgr(style: Style, parameters: string): Style {
  const list = parameters.split(';')
  let next = style
  for (let at = 0; at < list.length; at++) {
    const code = list[at]!
    if (code === '38' || code === '48') {
      const size = list[at + 1] === '2' ? 4 : 2
      next = setColour(next, code, list.slice(at + 1, at + 1 + size))
      at += size
    } else if (code.includes(':')) next = applyColons(next, code.split(':'))
    else next = applyCode(next, Number(code))
  }
  return next
}

/** The colon form: `38:2::r:g:b`, `38:5:n`, `4:3` (a kind of underline). */
function applyColons(style: Style, parts: string[]): Style {
  const [code, ...rest] = parts
  if (code === '4') return applyCode(style, rest[0] === '0' ? 24 : 4)
  const numbers = rest.filter(part => part !== '')
  return setColour(style, code!, numbers[0] === '2' ? ['2', ...numbers.slice(-3)] : numbers)
}

function setColour(style: Style, code: string, value: string[]): Style {
  const valid = value.length === (value[0] === '2' ? 4 : 2) && (value[0] === '2' || value[0] === '5')
  if (!valid || !value.every(part => /^\d{1,3}$/.test(part) && Number(part) < 256)) return style
  const colour = `${code};${value.map(Number).join(';')}`
  if (code === '38') return { ...style, foreground: colour }
  return code === '48' ? { ...style, background: colour } : style
}

function applyCode(style: Style, code: number): Style {
  if (code === 0) return plain
  if (attributes.includes(code)) return { ...style, flags: style.flags | (1 << code) }
  if (code === 21) return { ...style, flags: style.flags | (1 << 4) }
  if (off[code]) return { ...style, flags: style.flags & ~off[code] }
  if (isColour(code, 30)) return { ...style, foreground: String(code) }
  if (isColour(code, 40)) return { ...style, background: String(code) }
  if (code === 39) return { ...style, foreground: '' }
  return code === 49 ? { ...style, background: '' } : style
}

/** One of the eight colours from `base` on, or of their bright forms 60 higher. */
function isColour(code: number, base: number): boolean {
  return (code >= base && code < base + 8) || (code >= base + 60 && code < base + 68)
}
