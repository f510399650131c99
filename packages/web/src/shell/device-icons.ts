/** The icon of each kind of device. */
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import type { IconName } from './icons.tsx'

export const deviceIcons: Record<DeviceInfo['kind'], IconName> = {
  desktop: 'laptop',
  phone: 'phone',
  server: 'server',
  worker: 'cloud',
}
