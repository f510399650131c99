/** Runs a command of a workspace to its end and gathers what it prints, up to a limit; the rest is read and dropped. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { CommandEnd, Workspace, WorkspaceCommand } from './workspace.ts'

export interface CommandResult extends CommandEnd {
  text: string
  /** Bytes that were printed beyond what is kept. */
  droppedBytes: number
  timedOut: boolean
}

export interface CommandOptions {
  timeoutMs: number
  print?: (text: string) => void
  mostBytes?: number
}

export async function commandOutput(
  workspace: Workspace,
  command: WorkspaceCommand,
  { timeoutMs, print, mostBytes = limits.taskAssetBytes }: CommandOptions,
  signal: AbortSignal,
): Promise<CommandResult> {
  const late = AbortSignal.timeout(timeoutMs)
  const running = await workspace.start(command, AbortSignal.any([signal, late]))
  running.closeInput()
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  let text = ''
  let kept = 0
  let droppedBytes = 0
  for await (const { stream, bytes } of running.output) {
    const room = Math.max(0, mostBytes - kept)
    droppedBytes += Math.max(0, bytes.length - room)
    kept += Math.min(room, bytes.length)
    const piece = decoders[stream].decode(bytes.subarray(0, room), { stream: true })
    text += piece
    if (piece !== '') print?.(piece)
  }
  const end = await running.ended
  signal.throwIfAborted()
  return { ...end, text, droppedBytes, timedOut: late.aborted }
}

/** Of a program that must be there and succeed. */
export async function mustRun(workspace: Workspace, argv: readonly string[], signal: AbortSignal): Promise<string> {
  const result = await commandOutput(workspace, { argv }, { timeoutMs: limits.toolRunMs }, signal)
  if (result.code !== 0)
    throw new MeshError('BAD_REQUEST', { detail: `${argv.slice(0, 2).join(' ')} failed: ${result.text.slice(-2_000)}` })
  return result.text
}
