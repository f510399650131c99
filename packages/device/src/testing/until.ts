/**
 * Waits for something to become true, with an end that says what did not happen. The end is before the look that a
 * folder gets every 10 s anyway, which would hide that nobody noticed a change.
 */
export async function until(what: string, check: () => boolean | Promise<boolean>, ms = 8_000): Promise<void> {
  for (
    const end = performance.now() + ms;
    performance.now() < end;
    await new Promise(resolve => setTimeout(resolve, 5))
  )
    if (await check()) return
  throw new Error(`${what} did not happen in ${ms} ms`)
}
