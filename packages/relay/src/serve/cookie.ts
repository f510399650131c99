/** The value of a cookie in a Cookie header. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? '').split(';').map(pair => pair.trim().split('=', 2))
  return pairs.find(([key, value]) => key === name && value)?.[1]
}
