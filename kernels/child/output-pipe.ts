/** A named pipe that the interpreter and its children write to, and that is read only as fast as there is room. */
import { execFileSync } from 'node:child_process'
import { constants, openSync, readSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'

const chunkBytes = 65_536

export class OutputPipe {
  readonly path: string
  #fd: number
  #socket: Socket
  #onChunk: (chunk: Buffer) => void

  constructor(path: string, onChunk: (chunk: Buffer) => void) {
    this.path = path
    this.#onChunk = onChunk
    makePipe(path)
    // Opened for both, so that it does not end when nobody writes for a while.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    this.#socket = new Socket({ fd: this.#fd, readable: true, writable: false })
    this.#socket.on('data', onChunk)
  }

  set flowing(flowing: boolean) {
    if (flowing === !this.#socket.isPaused()) return
    if (flowing) this.#socket.resume()
    else this.#socket.pause()
  }

  /** Takes what is in the pipe now; whoever has ended has written all of theirs. */
  drain(): void {
    for (;;) {
      const buffer = Buffer.alloc(chunkBytes)
      const length = readNow(this.#fd, buffer)
      if (length === 0) return
      this.#onChunk(buffer.subarray(0, length))
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

export function makePipe(path: string): void {
  rmSync(path, { force: true })
  execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' })
}

function readNow(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}
