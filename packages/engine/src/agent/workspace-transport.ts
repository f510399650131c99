/** Messages of the Model Context Protocol over the standard input and output of a program in the workspace. */

import { limits } from '@meshbook/core/limits.ts'
import { type JSONRPCMessage, ReadBuffer, serializeMessage, type Transport } from '@modelcontextprotocol/client'
import type { RunningCommand, Workspace, WorkspaceCommand } from './workspace.ts'

export class WorkspaceTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly #workspace: Workspace
  readonly #command: WorkspaceCommand
  readonly #signal: AbortSignal
  #running: RunningCommand | undefined

  constructor(workspace: Workspace, command: WorkspaceCommand, signal: AbortSignal) {
    this.#workspace = workspace
    this.#command = command
    this.#signal = signal
  }

  async start(): Promise<void> {
    const running = await this.#workspace.start(this.#command, this.#signal)
    this.#running = running
    this.#read(running).then(
      () => this.onclose?.(),
      error => {
        this.onerror?.(error as Error)
        running.kill()
        this.onclose?.()
      },
    )
  }

  async send(message: JSONRPCMessage): Promise<void> {
    await this.#running?.write(Buffer.from(serializeMessage(message)))
  }

  async close(): Promise<void> {
    this.#running?.closeInput()
    this.#running?.kill()
    await this.#running?.ended
  }

  /** What it says on its standard error is for its own log. */
  async #read({ output }: RunningCommand): Promise<void> {
    const buffer = new ReadBuffer({ maxBufferSize: limits.mcpMessageBytes })
    for await (const { stream, bytes } of output) {
      if (stream === 'stderr') continue
      buffer.append(Buffer.from(bytes))
      for (let message = buffer.readMessage(); message !== null; message = buffer.readMessage())
        this.onmessage?.(message)
    }
  }
}
