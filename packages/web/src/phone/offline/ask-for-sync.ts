/** Asks the browser to wake the worker when there is a network again, where it can (PH25). */
const syncTag = 'meshbook-outbox'

interface SyncRegistration extends ServiceWorkerRegistration {
  sync?: { register(tag: string): Promise<void> }
}

export async function askForSync(): Promise<void> {
  const registration = (await navigator.serviceWorker?.getRegistration('/m/')) as SyncRegistration | undefined
  await registration?.sync?.register(syncTag).catch(() => undefined)
}
