/** The user's ways to be told, and what they want to be told: as the hub has them, changed here and said to it at once. */
import type { MailOffer, NotifySettings, Way, WayTest } from '@meshbook/core/notify-api.ts'
import { signal } from '@preact/signals'
import { notifyApi } from '../api/notify.ts'

export const ways = signal<readonly Way[] | undefined>(undefined)
/** Whether the hub sends mail. */
export const mailOffer = signal<MailOffer | undefined>(undefined)
export const notifySettings = signal<NotifySettings | undefined>(undefined)

export async function loadWays(): Promise<readonly Way[]> {
  const found = await notifyApi.ways()
  ways.value = found
  return found
}

export async function loadMailOffer(): Promise<void> {
  mailOffer.value = await notifyApi.mail()
}

let lastWrite: Promise<unknown> = Promise.resolve()

/** What is being said to the hub meanwhile is newer than what it answers. */
export async function loadNotifySettings(): Promise<void> {
  const before = lastWrite
  const found = await notifyApi.settings()
  if (before === lastWrite) notifySettings.value = found
}

/** One after the other, so that the last one wins at the hub too. What the hub refuses is taken back here. */
export async function changeNotifySettings(change: (settings: NotifySettings) => NotifySettings): Promise<void> {
  const before = notifySettings.peek()
  if (!before) return
  const next = change(before)
  notifySettings.value = next
  const write = lastWrite.then(() => notifyApi.putSettings(next))
  lastWrite = write.catch(() => undefined)
  try {
    await write
  } catch (thrown) {
    await loadNotifySettings().catch(() => {
      notifySettings.value = before
    })
    throw thrown
  }
}

const lookMs = 1_000
const confirmMs = 20_000

/** Sends a test and follows how far it comes, until it has ended, or the phone has had time enough to confirm it (NT21). */
export async function testWay(way: Way, show: (test: WayTest, isUnderWay: boolean) => void): Promise<void> {
  let test = await notifyApi.test(way.id)
  const deadline = performance.now() + confirmMs
  const isUnderWay = () =>
    test.failure === null &&
    test.station !== 'confirmed' &&
    (way.kind === 'push' || test.station === 'made') &&
    performance.now() < deadline
  for (; isUnderWay(); ) {
    show(test, true)
    await new Promise(resolve => setTimeout(resolve, lookMs))
    const now = (await loadWays()).find(({ id }) => id === way.id)?.test
    if (now?.id === test.id) test = now
  }
  show(test, false)
  await loadWays()
}
