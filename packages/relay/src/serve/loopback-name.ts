/** Which host names mean this machine: what is said to them cannot be overheard, and no page can rebind them. */
import { isIP } from 'node:net'

export function isLoopbackName(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    hostname === '::1' ||
    (isIP(hostname) === 4 && hostname.startsWith('127.'))
  )
}
