/**
 * The page of an output whose script is what it shows (PB20). The output stands in a frame without an address, which has
 * the policy of this page and an origin of its own; around it is nothing that runs. Pure.
 */
import { escapeHtml } from './escape.ts'

export interface ProgramPage {
  html: string
  policy: string
}

const css = `:root{color-scheme:light dark}html,body{height:100%}body{margin:0;display:grid;grid-template-rows:auto minmax(0,1fr);font:1rem/1.5 system-ui,sans-serif}
p{margin:0;padding:.6rem 1rem;border-bottom:1px solid light-dark(#e6e6eb,#2a2c32)}iframe{width:100%;height:100%;border:0;background:#fff}`

/** What the frame has as well: its script may draw, from what is in it; no address, no form, no other frame. */
const policy = [
  "default-src 'none'",
  "script-src 'unsafe-inline'",
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  'media-src data: blob:',
  'font-src data:',
  "connect-src 'none'",
  "frame-src 'none'",
  "worker-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** `back`: the address of the published page; `html`: what the run displayed. */
export function programPage(at: { title: string; back: string; html: string }): ProgramPage {
  const frame = `<!doctype html><meta charset="utf-8"><meta http-equiv="x-dns-prefetch-control" content="off">${at.html}`
  const title = escapeHtml(at.title)
  return {
    policy: `sandbox allow-scripts; ${policy}`,
    html: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex, nofollow">
<title>Interactive figure of ${title}</title>
<style>${css}</style>
</head>
<body>
<p>A program by the author of <a href="${escapeHtml(at.back)}">${title}</a>. It can reach nothing; never type a password here.</p>
<iframe sandbox="allow-scripts" title="Interactive figure" srcdoc="${escapeHtml(frame)}"></iframe>
</body>
</html>
`,
  }
}
