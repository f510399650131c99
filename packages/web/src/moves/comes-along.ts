/** Whether the variables of a session come along to another device (SW11). Pure. */
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'

/** Images go from Linux to Linux; whether the processor fits too is known to the hub alone. */
export function comesAlong(saved: SessionInfo['saved'], { os }: Pick<DeviceInfo, 'os'>): boolean {
  return !!saved?.snapshot && (saved.kind === 'portable' || /^linux/i.test(os))
}
