/** Whether the browser refused to store something because it gives no more room. */
export const isNoRoom = (thrown: unknown): boolean =>
  (thrown instanceof Error || thrown instanceof DOMException) && thrown.name === 'QuotaExceededError'
