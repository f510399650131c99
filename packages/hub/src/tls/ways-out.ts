/** The page that whoever comes over plain HTTP gets: what is wrong, and what to do about it. No script, no secret (TL12). Pure. */

export interface WaysOut {
  /** Where the hub answers over TLS, as this browser may reach it; null: it has no certificate. */
  secureUrl: string | null
  /** Of the own authority: SHA-256, as `AB:CD:…`; null: there is none. */
  fingerprint: string | null
  /** On which the hub listens. */
  port: number
  /** The browser came to read this page, not to be refused. */
  isAsked: boolean
}

export const waysOutPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export function waysOutPage(ways: WaysOut): string {
  const title = ways.isAsked ? 'Reaching Meshbook from your devices' : 'This connection can be overheard'
  const why = ways.isAsked
    ? ''
    : '<p>You are reaching Meshbook over plain HTTP from another machine. Whoever shares the network could read your notebooks and run code as you, so nothing is served here. Ways out:</p>'
  const first = ways.fingerprint === null ? withoutAuthority(ways) : installing(ways, ways.fingerprint)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>${style}<main><h1>${title}</h1>${why}${first}${others(ways)}</main></html>`
}

const style = `<style>
:root{color-scheme:light dark}
body{font:17px/1.55 system-ui,sans-serif;margin:0;background:light-dark(#fff,#14131f);color:light-dark(#16151f,#f2f1f8)}
main{max-width:40rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}
code{background:#8883;padding:.1em .3em;border-radius:4px;overflow-wrap:anywhere}
.mark{display:block;box-sizing:content-box;width:24ch;font:15px/1.7 ui-monospace,monospace;background:#8882;padding:.7rem;border-radius:8px;word-break:break-all}
.go{display:block;text-align:center;padding:.75rem 1rem;margin:.6rem 0;border-radius:10px;border:1px solid #1d5fbf;color:#fff;background:#1d5fbf;text-decoration:none;font-weight:600}
.go.also{background:transparent;color:inherit;border-color:#888}
summary{padding:.65rem 0;font-weight:600;min-height:1.5rem;cursor:pointer}
details{border-top:1px solid #8885}li{margin:.3rem 0}
</style>`

function installing({ secureUrl, port }: WaysOut, fingerprint: string): string {
  const open = secureUrl ?? `https://…:${port}`
  return `<h2>1. Let this device trust your Meshbook</h2>
<p>Your Meshbook has a certificate authority of its own. It vouches for this Meshbook and nothing else. Its fingerprint has to be the one that <code>meshbook tls</code> shows on the machine of the hub:</p>
<code class="mark">${fingerprint}</code>
<details><summary>iPhone and iPad</summary><ol>
<li>In Safari: <a class="go" href="/tls/meshbook.mobileconfig">Load the profile</a> and allow it.</li>
<li>Settings → General → VPN &amp; Device Management → the profile “Meshbook on …”. Under More Details → the certificate, compare the fingerprint, then Install.</li>
<li>Settings → General → About → Certificate Trust Settings: switch it on. Without this step nothing changes.</li></ol></details>
<details><summary>Android</summary><ol>
<li><a class="go" href="/tls/ca.crt">Load the certificate</a></li>
<li>Settings → Security → More → Encryption &amp; credentials → Install a certificate → <b>CA certificate</b> → Install anyway → the file. (Search the settings for “CA certificate” if yours are arranged differently.)</li>
<li>Trusted credentials → User: compare the fingerprint. Chrome and the installed app take it; Firefox only after its own switch for third-party CA certificates.</li></ol></details>
<details><summary>A computer</summary><ol>
<li><a class="go" href="/tls/ca.crt">Load the certificate</a></li>
<li><b>macOS</b>: open it, put it into the login keychain, and set it to Always Trust for SSL.</li>
<li><b>Windows</b>: open it → Install → Trusted Root Certification Authorities.</li>
<li><b>Linux</b>, Chromium: Settings → Privacy → Security → Manage certificates → Custom → Import.</li>
<li><b>Firefox</b>: Settings → Certificates → View → Authorities → Import, for websites.</li></ol></details>
<h2>2. Open it</h2>
${secureUrl === null ? `<p>Open <code>${open}</code>.</p>` : `<a class="go" href="${open}/">Open ${open.replace('https://', '')}</a>`}
<p>If the browser warns, the certificate is not trusted yet: do step 1 and do not click the warning away. Behind a warning there is no app to install and no notification.</p>`
}

function withoutAuthority({ secureUrl, port }: WaysOut): string {
  if (secureUrl !== null)
    return `<h2>Open the encrypted address</h2><a class="go" href="${secureUrl}/">Open ${secureUrl}</a>`
  return `<h2>A certificate of its own</h2>
<p>On the machine of the hub run <code>meshbook tls</code>. It makes a certificate authority for your devices and shows a QR code to scan with this one. Then start it again with <code>--host 0.0.0.0 --port ${port}</code>, and load this page again.</p>`
}

function others({ fingerprint, port }: WaysOut): string {
  return `<h2>${fingerprint === null ? 'Other ways' : 'Or without installing anything'}</h2>
<ul><li><b>A proxy with TLS</b> (Caddy, nginx, Traefik) before it: set <code>MESHBOOK_PUBLIC_URL=https://your.name</code>, and its address in <code>MESHBOOK_TRUSTED_PROXIES</code> if it is another machine.</li>
<li><b>A certificate that devices trust already</b>, of your VPN (such as <code>tailscale cert</code>) or of Let’s Encrypt: <code>MESHBOOK_TLS_CERT</code> and <code>MESHBOOK_TLS_KEY</code>.</li>
<li><b>A tunnel</b>, on a computer: <code>ssh -L ${port}:127.0.0.1:${port} that-machine</code>, then open <code>http://127.0.0.1:${port}</code> there.</li>
<li><b>Meshbook on the computer itself</b>: <code>meshbook up</code> serves the app there on its own loopback address, also without the hub.</li></ul>`
}
