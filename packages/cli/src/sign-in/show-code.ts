/** Codes on a terminal: large enough to read, and as a QR code to scan. */
import { renderUnicodeCompact } from 'uqr'
import { say } from '../print.ts'

export function sayCode(code: string, url: string): void {
  if (process.stderr.isTTY) say(`\n${renderUnicodeCompact(url, { border: 2 })}`)
  say(`\n  Code      ${code}`)
  say(`  Address   ${url}\n`)
}
