/** Small things that the phone keeps between starts, by name. What cannot be kept is not there next time, nothing else. */
import { createStore, get, set } from 'idb-keyval'

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
