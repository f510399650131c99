/** The headers that tell a browser what a page of the hub may do. */
import { isIP } from 'node:net'
import type { Visit } from './doorway.ts'

/** For API answers: nothing in them is ever a page. */
const noPage = "default-src 'none'; frame-ancestors 'none'; sandbox"

/**
 * For the app. Outputs are shown in `srcdoc` frames with `sandbox`, which `frame-src 'none'` leaves alone while it stops
 * every frame that would load an address (S9).
 */
export function appPolicy(visit: Visit, nonce?: string): string {
  const socket = visit.origin.replace(/^http/, 'ws')
  return [
    "default-src 'self'",
    nonce ? `script-src 'self' 'nonce-${nonce}'` : "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "font-src 'self' data:",
    `connect-src 'self' ${socket}`,
    "frame-src 'none'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** The camera is for the app that scans pairing codes, and for nothing that it frames (PH66). */
export const withCamera: Record<string, string> = { 'permissions-policy': permissions('(self)') }

function permissions(camera: '()' | '(self)'): string {
  return `camera=${camera}, microphone=(), geolocation=()`
}

/** Sets what the handler did not set itself. */
export function addSecurityHeaders(headers: Headers, visit: Visit | undefined): void {
  const wanted: Record<string, string> = {
    'content-security-policy': noPage,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': permissions('()'),
    'cache-control': 'no-store',
    ...(visit?.secure && isOfInternet(visit.origin) ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  }
  for (const [name, value] of Object.entries(wanted)) if (!headers.has(name)) headers.set(name, value)
}

/** Browsers apply the header to every port of a name, so it is for names that have one server (TL14). */
function isOfInternet(origin: string): boolean {
  const { hostname } = new URL(origin)
  return hostname.includes('.') && !hostname.endsWith('.local') && isIP(hostname) === 0 && !hostname.startsWith('[')
}
