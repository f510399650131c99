/**
 * The port to the place where an agent works: files under one root, and commands. Tools act through it alone, so that in
 * a worker they run as another user than the loop. Paths are relative to the root, or absolute and under it.
 */
export interface WorkspaceEntry {
  /** Relative to what was listed, with `/` between folders. */
  path: string
  kind: 'file' | 'folder' | 'link' | 'other'
  bytes: number
}

export interface WorkspaceCommand {
  argv: readonly string[]
  /** A folder in the workspace; its root where there is none. */
  cwd?: string
  /** Beside the environment that the workspace gives. */
  env?: Readonly<Record<string, string>>
}

export interface CommandOutput {
  stream: 'stdout' | 'stderr'
  bytes: Uint8Array
}

export interface CommandEnd {
  code: number | null
  signal: string | null
}

/** A process of its own group. When `ended` resolves, nobody of the group is left. */
export interface RunningCommand {
  /** Read once; the command waits when nobody reads. */
  output: AsyncIterable<CommandOutput>
  write(bytes: Uint8Array): Promise<void>
  closeInput(): void
  /** Tells the whole group to end, and ends it by force after `toolKillMs`. */
  kill(): void
  ended: Promise<CommandEnd>
}

export interface Workspace {
  /** As commands see it. */
  root: string
  /** NOT_FOUND, TOO_LARGE (`agentFileBytes`), or FORBIDDEN where it leads out of the root. */
  read(path: string): Promise<Uint8Array>
  /** Makes the folders on the way; whole or not at all. */
  write(path: string, bytes: Uint8Array): Promise<void>
  list(path: string, options: { depth: number; most: number }): Promise<{ entries: WorkspaceEntry[]; isCut: boolean }>
  /** Aborting kills. Fails where the program cannot be started. */
  start(command: WorkspaceCommand, signal: AbortSignal): Promise<RunningCommand>
}
