/** What a language says of its interpreter, so that the adapter can run it as a child. */
export interface ChildLanguage {
  /** For people: `R 4.2.2`. */
  kernel: string
  version: string
  /** As a saved session names it; absent where the interpreter cannot save (KN51). */
  saves?: string
  /** The command that starts the interpreter; `scratch` and `nonce` are for its side of the protocol. */
  command(scratch: string, nonce: string): string[]
  env: NodeJS.ProcessEnv
  /** Standard input at its end, as a file or as a pipe. */
  stdin: 'null' | 'ended-pipe'
  /** How the process of the kernel ends when its interpreter has. */
  onDeath(code: number | null, signal: NodeJS.Signals | null): void
}
