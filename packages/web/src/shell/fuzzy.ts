/** How well a typed query fits a name: 0 not at all, more is better. Pure. */
export function score(query: string, name: string): number {
  const wanted = query.trim().toLowerCase()
  const text = name.toLowerCase()
  if (wanted === '') return 1
  const at = text.indexOf(wanted)
  if (at === 0) return 100
  if (at > 0) return isWordStart(text, at) ? 80 : 60
  return scattered(wanted, text)
}

/** All letters in order, better the more of them begin a word. */
function scattered(wanted: string, text: string): number {
  let at = 0
  let starts = 0
  for (const letter of wanted.replaceAll(' ', '')) {
    const found = text.indexOf(letter, at)
    if (found < 0) return 0
    if (isWordStart(text, found)) starts++
    at = found + 1
  }
  return 10 + Math.min(30, starts * 6)
}

const isWordStart = (text: string, at: number): boolean => at === 0 || /[^\p{L}\p{N}]/u.test(text[at - 1]!)
