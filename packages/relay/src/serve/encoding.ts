/** Which compressed form of an answer a client takes. */
export type Encoding = 'br' | 'gzip'

/** The first of ours that the reader takes; undefined for the page as it is (RFC 9110, 12.5.3). */
export function encodingFor(accepts: string | null): Encoding | undefined {
  const weights = new Map(
    (accepts ?? '').split(',').map(part => {
      const [name = '', ...rest] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      const weight = rest.find(one => one.startsWith('q='))?.slice(2)
      return [name, weight === undefined ? 1 : Number(weight)] as const
    }),
  )
  const takes = (name: Encoding): boolean => (weights.get(name) ?? weights.get('*') ?? 0) > 0
  return takes('br') ? 'br' : takes('gzip') ? 'gzip' : undefined
}
