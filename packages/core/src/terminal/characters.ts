/** Characters as a terminal counts and shows them. */

export function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}

/** Backspace, carriage return, escape: what moves the cursor other than forward. */
export function isSpecial(code: number): boolean {
  return code === 0x08 || code === 0x0d || code === 0x1b
}

const special = /[\b\r\u001b]/g

export function nextSpecial(text: string, from: number): number {
  special.lastIndex = from
  return special.exec(text)?.index ?? text.length
}

const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

export function withPictures(text: string): string {
  return text.replace(control, character => pictureOf(character.charCodeAt(0)))
}

function pictureOf(code: number): string {
  if (code === 0x7f) return '\u2421'
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd'
}

/** The beginning of the text that has at most `columns` code points, and how many it has. */
export function takeColumns(text: string, columns: number): [string, number] {
  const points = text.length <= columns && !/[\ud800-\udbff]/.test(text) ? text.length : undefined
  if (points !== undefined) return [text, points]
  let at = 0
  let count = 0
  while (at < text.length && count < columns) {
    at += text.codePointAt(at)! > 0xffff ? 2 : 1
    count++
  }
  return [text.slice(0, at), count]
}

export function newLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}

const encoder = new TextEncoder()
const wide = /[^\u0000-\u007f]/
/** Above this the encoder, which is not made of JavaScript, counts faster, although it writes down what it counts. */
const shortText = 1_000

/** Of well-formed text. */
export function utf8Bytes(text: string): number {
  if (!wide.test(text)) return text.length
  if (text.length > shortText) return encoder.encode(text).byteLength
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1
  }
  return bytes
}
