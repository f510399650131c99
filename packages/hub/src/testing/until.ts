/** Waits for something to become true, with an end. */
export async function until(check: () => Promise<boolean> | boolean, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`still not true after ${ms} ms: ${check}`)
    await new Promise(resolve => setTimeout(resolve, 15))
  }
}
