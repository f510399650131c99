/** This browser's storage: the database, the list of what is in it, how much room there is, and a name for the browser. */
import { systemRandom } from '@meshbook/core/ids.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import { type Signal, signal } from '@preact/signals'
import { IndexedDatabase } from './indexed-database.ts'
import type { DocumentDatabase } from './link-ports.ts'
import { MemoryDatabase } from './memory-database.ts'
import { type Marker, StoredList } from './stored-list.ts'
import { WatchedDatabase } from './watched-database.ts'

/** Also where `crypto.randomUUID` is not: on a page without HTTPS. */
export const randomName = (): string => [...systemRandom(16)].map(byte => byte.toString(16).padStart(2, '0')).join('')

/** Local storage, unless the browser forbids it: then nothing is remembered. */
function remembered(key: string): Marker {
  return {
    read: () => {
      try {
        return localStorage.getItem(key)
      } catch {
        return null
      }
    },
    write: text => {
      try {
        localStorage.setItem(key, text)
      } catch {
        // Blocked or full: an eviction will not be noticed, nothing else depends on it.
      }
    },
  }
}

function openDatabase(): DocumentDatabase {
  try {
    // Firefox throws where another browser has nothing there.
    return globalThis.indexedDB ? new IndexedDatabase(indexedDB, randomName) : new MemoryDatabase()
  } catch {
    return new MemoryDatabase()
  }
}

const news = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('meshbook:stored')
const database = openDatabase()
export const storedList = new StoredList(database, remembered('meshbook.stored'), systemAfter)
if (news) news.onmessage = () => storedList.changed()

/** How often there was no room for a document's edits: whoever keeps what can be had again may make some. */
export const timesFull: Signal<number> = signal(0)
export const browserDatabase: DocumentDatabase = new WatchedDatabase(
  database,
  () => {
    storedList.changed()
    news?.postMessage('stored')
  },
  () => timesFull.value++,
)

/** Each browser gets a name of its own at the first visit; it is shown to nobody but tells its tabs from others'. */
export function browserName(): string {
  const kept = remembered('meshbook.browser')
  const name = kept.read() ?? randomName()
  kept.write(name)
  return name
}

export interface StorageRoom {
  usedBytes: number
  /** What the browser says: it may give less (Chromium says what is used and 10 GiB, whatever there is). */
  quotaBytes: number
  /** Whether the browser promised not to remove it by itself. */
  lasting: boolean
}

/** Undefined where the browser does not say. */
export const storageRoom: Signal<StorageRoom | undefined> = signal(undefined)

export async function measureRoom(): Promise<void> {
  // Absent on a page without HTTPS.
  const storage: StorageManager | undefined = navigator.storage
  if (!storage) return
  const [{ usage = 0, quota = 0 }, lasting] = await Promise.all([storage.estimate(), storage.persisted()])
  storageRoom.value = { usedBytes: usage, quotaBytes: quota, lasting }
}

/** Asks the browser not to remove what is stored. Some ask the user, so only when there is something to keep. */
export async function askToKeep(): Promise<void> {
  const storage: StorageManager | undefined = navigator.storage
  if (storage && !(await storage.persisted())) await storage.persist()
  await measureRoom()
}
