/** Small things that the phone keeps between starts, by name. What cannot be kept is not there next time, nothing else. */
import { createStore, delMany, get, keys, set } from 'idb-keyval'
import { assetCacheName } from './asset-cache-name.ts'

export const keptStore = createStore('meshbook-phone', 'kept')

export async function readKept<T>(name: string): Promise<T | undefined> {
  try {
    return await get<T>(name, keptStore)
  } catch {
    return undefined
  }
}

/** Whether it is stored. */
export async function keep(name: string, value: unknown): Promise<boolean> {
  try {
    await set(name, value, keptStore)
    return true
  } catch {
    return false
  }
}

/** Who signs out leaves nothing to read here; what was not sent yet is with the documents, and stays (W1). */
export async function forgetWhatWasShown(): Promise<void> {
  try {
    const all = (await keys(keptStore)).filter(key => key === 'lists' || String(key).startsWith('text:'))
    await delMany(all, keptStore)
    await caches.delete(assetCacheName)
  } catch {
    // Nothing is stored here.
  }
}
