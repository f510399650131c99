/** Which of the notices that the system shows nobody needs any more (PH52). Pure. */
interface Shown {
  readonly data: unknown
  close(): void
}

export function overNotices<T extends Shown>(
  shown: readonly T[],
  here: string,
  isOpen: (gate: string) => boolean | undefined,
): T[] {
  return shown.filter(({ data }) => {
    const { url, over } = (data ?? {}) as { url?: unknown; over?: unknown }
    if (over === true) return true
    if (typeof url !== 'string') return false
    const gate = /^\/m\/gates\/([^/]+)$/.exec(url)?.[1]
    return url === here || (gate !== undefined && isOpen(decodeURIComponent(gate)) === false)
  })
}
