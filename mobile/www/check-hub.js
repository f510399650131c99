/** Asks an address whether a hub is there that this shell can show. */

/** Of this shell: a hub of a later generation may need another. */
export const generation = 0
const waitMs = 8_000

/**
 * @typedef {{ found: true, version: string }} Found
 * @typedef {{ found: false, why: 'silent' | 'stranger' | 'newer', version?: string }} Missing
 */

/** @param {string} origin @param {number} [ms] @returns {Promise<Found | Missing>} */
export async function checkHub(origin, ms = waitMs) {
  /** @type {Response} */
  let answer
  try {
    answer = await fetch(`${origin}/healthz`, {
      mode: 'cors',
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(ms),
    })
  } catch {
    return { found: false, why: (await answers(origin, ms)) ? 'stranger' : 'silent' }
  }
  const told = await answer.json().catch(() => undefined)
  if (told?.name !== 'meshbook' || typeof told.version !== 'string') return { found: false, why: 'stranger' }
  if (Number(told.version.split('.')[0]) > generation) return { found: false, why: 'newer', version: told.version }
  return { found: true, version: told.version }
}

/** Whether anything is there whose certificate is trusted, though it may not want to be read by this page. */
async function answers(origin, ms) {
  try {
    await fetch(origin, { mode: 'no-cors', credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(ms) })
    return true
  } catch {
    return false
  }
}

/** @param {string} origin @param {Missing} missing @returns {{ text: string[], link?: { text: string, to: string } }} */
export function explainMissing(origin, { why, version }) {
  const { host, hostname } = new URL(origin)
  if (why === 'newer')
    return { text: [`The hub at ${host} is of version ${version}, which this app is too old for. Update the app.`] }
  if (why === 'stranger')
    return { text: [`Something answers at ${host}, but it is not Meshbook.`, 'Check the address and the port.'] }
  if (!navigator.onLine) return { text: ['This phone is offline.', 'Connect it and try again.'] }
  return {
    text: [
      `No answer from ${host} that this phone trusts.`,
      `Either the hub does not run, or ${hostname} is not reachable from this network, or its certificate is not installed on this phone yet. For the last one, open the steps in the browser:`,
    ],
    link: { text: `http://${host}/tls`, to: `http://${host}/tls` },
  }
}
