/** Text for somebody else's eyes: whatever has the form of a credential is blanked, wherever it came from. Pure. */

export const blanked = '⟨secret⟩'

const forms: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  // Of model providers, git hosts, package registries, clouds, chats and of this program.
  /\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}/g,
  /\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|gl[a-z]{2,6}-[A-Za-z0-9_.-]{16,})/g,
  /\b(?:npm_[A-Za-z0-9]{20,}|pypi-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,})/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bAIza[A-Za-z0-9_-]{30,}/g,
  /\bmbh?_[A-Za-z0-9_-]{20,}/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+/g,
]
const inAddress = /\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"'<>\\]+@/gi
const inHeader = /\b(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}/gi

/** Works on text and on JSON alike: nothing that is blanked has a character that JSON writes otherwise, but for line ends. */
export function withoutSecrets(text: string): string {
  let clean = text.replace(inAddress, `$1${blanked}@`).replace(inHeader, `$1${blanked}`)
  for (const form of forms) clean = clean.replace(form, blanked)
  return clean
}
