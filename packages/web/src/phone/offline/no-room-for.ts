/** The images that the worker had no room to keep. Heard from the first moment; what makes room is loaded later. */
import { signal } from '@preact/signals'

export const noRoomFor = signal<readonly string[]>([])

export function hearNoRoom(workers: ServiceWorkerContainer | undefined): void {
  workers?.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    const asset = typeof data === 'object' && data !== null && 'noRoomFor' in data ? data.noRoomFor : undefined
    if (typeof asset === 'string') noRoomFor.value = [...noRoomFor.value, asset]
  })
}
