/** Whether the phone lost its network: its sockets may take a minute to notice. */
import { type ReadonlySignal, signal } from '@preact/signals'

const answerMs = 3_000

/** The browser says it, and the hub does not answer: one on this machine needs no network. */
export function watchNetwork(): ReadonlySignal<boolean> {
  const isCut = signal(false)
  const look = async () => {
    const options = { cache: 'no-store', signal: AbortSignal.timeout(answerMs) } as const
    const answers = await fetch('/healthz', options).then(
      ({ ok }) => ok,
      () => false,
    )
    isCut.value = !answers && !navigator.onLine
  }
  addEventListener('offline', () => void look())
  addEventListener('online', () => {
    isCut.value = false
  })
  if (!navigator.onLine) void look()
  return isCut
}
