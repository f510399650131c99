/** A peer that keeps what the relay sends to it, for tests that look at single frames. */
import * as Y from 'yjs'
import type { Peer } from '../peer.ts'
import { readSyncFrame, type SyncMessage } from '../sync-frames.ts'

export class RecordingPeer implements Peer {
  readonly name: string = 'recorder'
  readonly access: 'read' | 'write' = 'write'
  readonly canRun: boolean = false
  readonly extensions: boolean = true
  backlogBytes = 0
  readonly messages: SyncMessage[] = []
  closed: { code: number; reason: string } | undefined
  pauses = 0
  resumes = 0

  constructor(options: Partial<Pick<Peer, 'name' | 'access' | 'canRun' | 'extensions'>> = {}) {
    Object.assign(this, options)
  }

  send(frame: Uint8Array): void {
    this.messages.push(readSyncFrame(frame))
  }
  close(code: number, reason: string): void {
    this.closed = { code, reason }
  }
  pause(): void {
    this.pauses++
  }
  resume(): void {
    this.resumes++
  }

  of<T extends SyncMessage['type']>(type: T): Extract<SyncMessage, { type: T }>[] {
    return this.messages.filter(message => message.type === type) as Extract<SyncMessage, { type: T }>[]
  }

  get closeCode(): number | undefined {
    return this.closed?.code
  }

  /** The highest acknowledgement so far. */
  get durable(): number {
    return this.of('durable').at(-1)?.count ?? 0
  }

  /** The text that a client which received exactly this would show; undefined while it has nothing. */
  text(): string {
    const doc = new Y.Doc()
    for (const message of this.messages) if ('update' in message) Y.applyUpdate(doc, message.update)
    return doc.getText('content').toString()
  }
}
