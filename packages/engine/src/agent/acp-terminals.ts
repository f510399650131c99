/** Terminals that an agent of somebody else asks for: commands of the workspace whose output it reads when it likes. */
import { RequestError } from '@agentclientprotocol/sdk'
import { limits } from '@meshbook/core/limits.ts'
import type { CommandEnd, RunningCommand, Workspace, WorkspaceCommand } from './workspace.ts'

interface Terminal {
  command: RunningCommand
  output: Buffer
  truncated: boolean
  end: CommandEnd | undefined
  most: number
}

export class AcpTerminals {
  readonly #workspace: Workspace
  readonly #signal: AbortSignal
  readonly #open = new Map<string, Terminal>()
  #made = 0

  constructor(workspace: Workspace, signal: AbortSignal) {
    this.#workspace = workspace
    this.#signal = signal
  }

  async create(command: WorkspaceCommand, outputBytes: number | undefined): Promise<string> {
    if (this.#open.size >= limits.acpTerminalsPerTask)
      throw RequestError.invalidRequest(undefined, 'too many terminals are open')
    const running = await this.#workspace.start(command, this.#signal)
    running.closeInput()
    const most = Math.min(outputBytes ?? limits.toolOutputBytes, limits.taskAssetBytes)
    const terminal: Terminal = { command: running, output: Buffer.alloc(0), truncated: false, end: undefined, most }
    const id = `terminal-${++this.#made}`
    this.#open.set(id, terminal)
    gather(terminal).catch(() => running.kill())
    return id
  }

  output(id: string): {
    output: string
    truncated: boolean
    exitStatus: { exitCode: number | null; signal: string | null } | null
  } {
    const { output, truncated, end } = this.#at(id)
    const exitStatus = end ? { exitCode: end.code, signal: end.signal } : null
    return { output: wholeCharacters(output), truncated, exitStatus }
  }

  async ended(id: string): Promise<{ exitCode: number | null; signal: string | null }> {
    const { code, signal } = await this.#at(id).command.ended
    return { exitCode: code, signal }
  }

  kill(id: string): void {
    this.#at(id).command.kill()
  }

  async release(id: string): Promise<void> {
    const { command } = this.#at(id)
    this.#open.delete(id)
    command.kill()
    await command.ended
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map(id => this.release(id)))
  }

  #at(id: string): Terminal {
    const terminal = this.#open.get(id)
    if (!terminal) throw RequestError.resourceNotFound(id)
    return terminal
  }
}

/** Keeps the end of what is printed. */
async function gather(terminal: Terminal): Promise<void> {
  for await (const { bytes } of terminal.command.output) {
    const all = Buffer.concat([terminal.output, bytes])
    terminal.truncated ||= all.length > terminal.most
    terminal.output = all.subarray(Math.max(0, all.length - terminal.most))
  }
  terminal.end = await terminal.command.ended
}

/** Without the rest of a character that was cut at the beginning. */
function wholeCharacters(bytes: Buffer): string {
  let from = 0
  while (from < 4 && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++
  return bytes.subarray(from).toString('utf8')
}
