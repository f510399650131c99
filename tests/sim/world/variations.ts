/**
 * Where a planted bug enters the world: each port that can be wrapped between the shipped classes, and the classes that
 * can be given another method. The world as it is wraps nothing.
 */

import type { Streams } from '@meshbook/device/link/streams.ts'
import type { Disk } from '@meshbook/device/projects/disk.ts'
import type { DeviceDatabase } from '@meshbook/device/store/device-store.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { DocumentStore } from '@meshbook/relay/store/document-store.ts'
import type { Dial, DocumentDatabase } from '@meshbook/web/sync/link-ports.ts'
import type { HubDatabase } from './hub-host.ts'
import type { SimDisk } from './sim-disk.ts'
import type { Process } from './timeline.ts'

export interface Variations {
  hubDatabase(database: HubDatabase, process: Process): HubDatabase
  hubStore(store: DocumentStore, process: Process): DocumentStore
  deviceDatabase(database: DeviceDatabase, process: Process): DeviceDatabase
  deviceStore(store: DocumentStore, process: Process): DocumentStore
  relay(relay: Relay, where: 'hub' | 'device'): Relay
  streams(streams: Streams): Streams
  files(disk: Disk, process: Process, files: SimDisk): Disk
  database(database: DocumentDatabase): DocumentDatabase
  dial(dial: Dial): Dial
}

export const asShipped: Variations = {
  hubDatabase: database => database,
  hubStore: store => store,
  deviceDatabase: database => database,
  deviceStore: store => store,
  relay: relay => relay,
  streams: streams => streams,
  files: disk => disk,
  database: database => database,
  dial: dial => dial,
}
