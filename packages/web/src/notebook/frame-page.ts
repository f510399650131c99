/** The page inside an output's frame: its policy, its look, the output, and the script that tells its height. Pure. */

const policy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; script-src 'unsafe-inline'"

const look = `
:root { color-scheme: DARK; }
html, body { margin: 0; background: transparent; }
body { padding: 10px 14px; font: 13px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: TEXT; overflow-x: auto; }
table { border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px; border: 0; border-bottom: 1px solid LINE; text-align: right; white-space: nowrap; }
thead th { border-bottom-color: STRONG; font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
tbody tr:hover { background: HOVER; }
svg, img { max-width: 100%; height: auto; }
a { color: inherit; }
pre { white-space: pre-wrap; }`

const height = `(() => {
  const tell = () => parent.postMessage({ meshbookHeight: document.documentElement.getBoundingClientRect().height }, '*');
  new ResizeObserver(tell).observe(document.documentElement);
  addEventListener('load', tell);
})()`

export interface FrameLook {
  dark: boolean
  /** Scripts of the output run only under the nonce of the page around, whose policy the frame inherits. */
  nonce: string
}

export function framePage(html: string, { dark, nonce }: FrameLook): string {
  const colours = dark
    ? { TEXT: '#e7e8eb', LINE: '#2b2d33', STRONG: '#4a4d55', HOVER: '#ffffff0a', DARK: 'dark' }
    : { TEXT: '#1a1c22', LINE: '#ececf0', STRONG: '#c9cad2', HOVER: '#14162808', DARK: 'light' }
  const style = Object.entries(colours).reduce((css, [name, value]) => css.replaceAll(name, value), look)
  const allowed = /^[A-Za-z0-9+/=_-]*$/.test(nonce) ? nonce : ''
  return `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><style>${style}</style></head><body>${withNonce(html, allowed)}<script nonce="${allowed}">${height}</script></body></html>`
}

/** Gives inline scripts the nonce. It opens nothing: the frame's own policy forbids everything but inline code. */
function withNonce(html: string, nonce: string): string {
  return nonce === '' ? html : html.replace(/<script(?=[\s>])/gi, `<script nonce="${nonce}"`)
}

/** A height for a frame that does not tell its own: that of its table, if it has one. */
export function guessedHeight(html: string): number {
  const rows = html.match(/<tr[\s>]/gi)?.length ?? 0
  return rows === 0 ? 180 : Math.min(480, 44 + rows * 30)
}
