import type { NotifySettings } from '@meshbook/core/notify-api.ts'
import { changeNotifySettings } from '../../notify/notify-state.ts'
import { say } from '../say.ts'

/** Says it to the hub; what was not taken stands as before, and the user is told. */
export function change(next: (settings: NotifySettings) => NotifySettings): void {
  changeNotifySettings(next).catch(thrown => say(thrown, 'It was not set'))
}
