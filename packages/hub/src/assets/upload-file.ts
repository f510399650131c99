/** The local file of one upload: what has arrived of it so far, written in order. It knows nothing of whose it is. */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { MeshError } from '@meshbook/core/errors.ts'

export interface Arriving {
  /** Offset of the first chunk; what is in the file already is passed over. */
  from: number
  /** More than this is refused with the error that `excess` makes. */
  mostBytes: number
  excess: () => MeshError
  checkpointBytes: number
  signal: AbortSignal
  /** So much is on the disk. */
  checkpoint: (received: number) => Promise<void>
}

export class UploadFile {
  readonly #file: FileHandle
  #received: number

  private constructor(file: FileHandle, received: number) {
    this.#file = file
    this.#received = received
  }

  /** Whatever is behind the offset that was acknowledged is written anew. */
  static async open(path: string, acknowledged: number): Promise<UploadFile> {
    const file = await open(path, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600)
    try {
      const received = Math.min(acknowledged, (await file.stat()).size)
      await file.truncate(received)
      return new UploadFile(file, received)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get received(): number {
    return this.#received
  }

  /** Also when the chunks break off, what came of them is on the disk and told before this ends. */
  async append(chunks: AsyncIterable<Uint8Array>, arriving: Arriving): Promise<void> {
    const before = this.#received
    let told = before
    const tell = async (): Promise<void> => {
      if (told === this.#received) return
      await this.#file.datasync()
      told = this.#received
      await arriving.checkpoint(told)
    }
    try {
      let at = arriving.from
      for await (const chunk of chunks) {
        arriving.signal.throwIfAborted()
        if (at + chunk.byteLength > arriving.mostBytes) throw arriving.excess()
        await this.#write(chunk.subarray(Math.min(chunk.byteLength, Math.max(0, this.#received - at))))
        at += chunk.byteLength
        if (this.#received - told >= arriving.checkpointBytes) await tell()
      }
    } finally {
      await tell()
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.byteLength - at, this.#received)
      at += bytesWritten
      this.#received += bytesWritten
    }
  }

  async head(length: number): Promise<Uint8Array> {
    const buffer = Buffer.alloc(Math.min(length, this.#received))
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, 0)
    return buffer.subarray(0, bytesRead)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
