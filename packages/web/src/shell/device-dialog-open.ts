/** Whether the settings of a device are open. */
import { signal } from '@preact/signals'

/** Id of the device whose settings are open. */
export const policyDialogFor = signal<string | undefined>(undefined)
