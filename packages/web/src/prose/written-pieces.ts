/**
 * A text that is too large to be set, in pieces to be drawn one by one: browsers lay one long line out wrongly (they count
 * pixels in 32 bits), and what is far from the window need not be laid out at all. Pure.
 */
const pieceChars = 16_384
const longestWord = 2_048

/** Together they are the text. A piece ends after a line, in a long line after a word, and never within a character. */
export function writtenPieces(text: string): string[] {
  const pieces: string[] = []
  for (let from = 0; from < text.length; from += pieces.at(-1)!.length) pieces.push(pieceAt(text, from))
  return pieces
}

function pieceAt(text: string, from: number): string {
  const piece = text.slice(from, from + pieceChars)
  if (from + pieceChars >= text.length) return piece
  const line = piece.lastIndexOf('\n') + 1
  if (line > 0) return piece.slice(0, line)
  const word = piece.lastIndexOf(' ') + 1
  if (word > pieceChars - longestWord) return piece.slice(0, word)
  return isHalf(piece.charCodeAt(pieceChars - 1)) ? piece.slice(0, -1) : piece
}

/** The first half of a character of two code units. */
const isHalf = (code: number): boolean => code >= 0xd800 && code < 0xdc00
