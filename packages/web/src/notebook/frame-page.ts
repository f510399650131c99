/** The page inside an output's frame: its policy, its look, the output, and the script that guards and tells its height. Pure. */

const policy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; trusted-types default; require-trusted-types-for 'script'"

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
pre { white-space: pre-wrap; }
#scroll { width: 100%; overflow-x: auto; }
#figure.vega-embed { display: block; }
#figure svg { max-width: none; }
#figure.vega-embed { padding: 0; }`

/**
 * Before anything of the output: no policy covers WebRTC, so it is taken away. Frames inside this one would have their
 * own: they are other origins and cannot lend it, and no script can give one a page, as every string goes through the
 * policy here before it becomes HTML. A link would leave the frame, which shows nothing else: the page around is asked instead.
 */
const guard = `(() => {
  for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCDataChannel', 'WebTransport', 'WebSocketStream', 'XSLTProcessor']) delete window[name]
  globalThis.trustedTypes?.createPolicy('default', {
    createHTML: (html, type, sink) => /srcdoc/i.test(sink) ? '' : html.replace(/srcdoc/gi, 'data-srcdoc'),
    createScript: text => text,
    createScriptURL: url => url,
  })
  addEventListener('click', event => {
    const link = event.composedPath().find(node => node instanceof Element && node.localName === 'a')
    const href = link && String(link.href?.baseVal ?? link.href)
    if (!href || /^#/.test(link.getAttribute('href') ?? link.getAttribute('xlink:href') ?? '')) return
    event.preventDefault()
    if (/^https?:/.test(href)) parent.postMessage({ meshbookLink: href }, '*')
  }, true)
})()`

const height = `(() => {
  const tell = () => parent.postMessage({ meshbookHeight: document.documentElement.getBoundingClientRect().height }, '*')
  new ResizeObserver(tell).observe(document.documentElement)
  addEventListener('load', tell)
})()`

export interface FrameLook {
  dark: boolean
  /** Scripts of the output run only under the nonce of the page around, whose policy the frame inherits. */
  nonce: string
}

/** A frame's page around HTML that is safe to stand in it: a stranger's has gone through `htmlForFrame`. */
export function frameOf(html: string, { dark, nonce }: FrameLook, script = ''): string {
  const colours = dark
    ? { TEXT: '#e7e8eb', LINE: '#2b2d33', STRONG: '#4a4d55', HOVER: '#ffffff0a', DARK: 'dark' }
    : { TEXT: '#1a1c22', LINE: '#ececf0', STRONG: '#c9cad2', HOVER: '#14162808', DARK: 'light' }
  const style = Object.entries(colours).reduce((css, [name, value]) => css.replaceAll(name, value), look)
  const run = (code: string) => `<script nonce="${safeNonce(nonce)}">${code}</script>`
  const head = `<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta http-equiv="x-dns-prefetch-control" content="off"><meta name="referrer" content="no-referrer">`
  return `<!doctype html><html lang="en"><head>${head}<style>${style}</style>${run(guard)}</head><body>${html}${run(height)}${script === '' ? '' : run(script)}</body></html>`
}

const safeNonce = (nonce: string): string => (/^[A-Za-z0-9+/=_-]*$/.test(nonce) ? nonce : '')

/** What makes a browser look up or connect to an address without asking any policy, or leave for it by itself. */
const unwanted = 'link, base, meta[http-equiv], iframe, frame, frameset, object, embed, portal, fencedframe'

/**
 * The HTML of an output for its frame. Inline scripts get the nonce; it opens nothing, as the frame's own policy forbids
 * everything but inline code. `parse` is the browser's, which neither runs nor fetches.
 */
export function htmlForFrame(html: string, nonce: string, parse: (html: string) => Document): string {
  const { head, body } = parse(html)
  for (const part of [head, body]) {
    for (const element of part.querySelectorAll(unwanted)) element.remove()
    for (const link of part.querySelectorAll('a[ping], area[ping]')) link.removeAttribute('ping')
    for (const script of part.querySelectorAll('script')) {
      if (/^(?:speculationrules|importmap)$/i.test(script.type.trim())) script.remove()
      else if (safeNonce(nonce) !== '') script.setAttribute('nonce', safeNonce(nonce))
    }
  }
  return head.innerHTML + body.innerHTML
}

/** A height for a frame that does not tell its own: that of its table, if it has one. */
export function guessedHeight(html: string): number {
  const rows = html.match(/<tr[\s>]/gi)?.length ?? 0
  return rows === 0 ? 180 : Math.min(480, 44 + rows * 30)
}
