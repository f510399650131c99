/** `&copy;` and `&#169;` in Markdown as the characters that they stand for. Names are looked up by the browser, each once. */

const named = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', '\u00a0'],
])
/** There are some two thousand; who writes more invents them. */
const mostNames = 5_000

export function withCharacters(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([A-Za-z][A-Za-z\d]{0,40}));/g,
    (found, ten, sixteen, name) =>
      name === undefined
        ? numbered(sixteen === undefined ? Number(ten) : Number.parseInt(sixteen, 16))
        : lookUp(name, found),
  )
}

function numbered(code: number): string {
  const isNone = code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
  return isNone ? '\ufffd' : String.fromCodePoint(code)
}

function lookUp(name: string, written: string): string {
  const known = named.get(name)
  if (known !== undefined || named.size >= mostNames || typeof DOMParser === 'undefined') return known ?? written
  // Of one reference by itself the parser makes text and nothing else; the dash keeps a blank from being passed over.
  const read = new DOMParser().parseFromString(`-${written}`, 'text/html').body.textContent?.slice(1) ?? written
  named.set(name, read)
  return read
}
