/** What somebody typed, pasted or scanned, as the address of a hub. Pure. */

/**
 * @typedef {{ origin: string, path: string }} Place `path` is where to begin there.
 * @typedef {'empty' | 'plain' | 'nonsense'} Wrong
 */

/** @param {string} text @returns {Place | Wrong} */
export function readAddress(text) {
  const typed = text.trim()
  if (typed === '') return 'empty'
  if (/^http:\/\//i.test(typed)) return 'plain'
  const isWhole = /^[a-z][a-z0-9+.-]*:\/\//i.test(typed)
  const url = URL.parse(isWhole ? typed : `https://${typed}`)
  if (url?.protocol !== 'https:' || url.username || url.password || !isHost(url.hostname)) return 'nonsense'
  const isPairing = url.pathname === '/pair' && /^#[a-z]\d\.[\w-]{1,4000}$/i.test(url.hash)
  return { origin: url.origin, path: isPairing ? `/pair${url.hash}` : '/m/' }
}

/** @param {string} name */
function isHost(name) {
  return /^(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)$/i.test(name)
}

/** @param {Wrong} wrong @returns {string[]} */
export function explain(wrong) {
  if (wrong === 'empty') return ['Type the address of your hub, such as https://mesh.example.']
  if (wrong === 'nonsense')
    return ['This is no address of a hub.', 'It looks like https://mesh.example or https://192.168.1.20:3005.']
  return [
    'This address begins with http:, which can be overheard, so the hub refuses it.',
    'Run “meshbook tls” on the machine of the hub: it shows the https address and how this phone comes to trust it.',
  ]
}
