/** What a QR code before the camera, or a pasted link, asks of this phone. Pure (PH60). */
import { type PairingFragment, readPairingCode, readPairingFragment } from '@meshbook/core/pairing.ts'

export type Scanned =
  | { is: 'code' | 'grant'; value: string }
  /** Of another hub: it is shown, and opened only at a press. */
  | { is: 'elsewhere'; url: string; host: string }

const known: Partial<Record<PairingFragment, 'code' | 'grant'>> = { code: 'code', grant: 'grant' }

/** Undefined for everything that is no pairing: whatever else a camera sees opens nothing. */
export function readScanned(text: string, origin: string): Scanned | undefined {
  const url = URL.parse(text.trim())
  if (!url) return undefined
  const asked = url.pathname === '/pair' ? readPairingFragment(url.hash) : undefined
  const is = asked && known[asked.kind]
  if (!asked || !is) return undefined
  if (url.origin === origin) return { is, value: asked.value }
  const isSafe = url.protocol === 'https:' && url.username === '' && url.password === ''
  return isSafe ? { is: 'elsewhere', url: url.href, host: url.host } : undefined
}

/** Typed or pasted: a link, or the code alone. `alone`: what a code by itself means. */
export function readTyped(text: string, origin: string, alone: 'code' | 'grant'): Scanned | undefined {
  const scanned = readScanned(text, origin)
  if (scanned || /[/:]/.test(text)) return scanned
  const code = readPairingCode(text)
  return code === undefined ? undefined : { is: alone, value: code }
}
