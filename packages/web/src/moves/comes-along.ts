/** Whether the variables of a session come along to another device, in words (SW11). Pure. */
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import { asOfWords } from '@meshbook/core/session-words.ts'

type Facts = Pick<SessionInfo, 'saved'>

/** Images go from Linux to Linux; whether the processor fits too is known to the hub alone. */
function fits({ saved }: Facts, { os }: Pick<DeviceInfo, 'os'>): boolean {
  if (!saved?.snapshot) return false
  return saved.kind === 'portable' || /^linux\b/i.test(os)
}

export function comesAlong(session: Facts, device: Pick<DeviceInfo, 'os'>, now = Date.now()) {
  if (!fits(session, device)) return { comes: false, note: 'without the variables' }
  return { comes: true, note: `with the variables ${asOfWords(session.saved!, now)}` }
}
