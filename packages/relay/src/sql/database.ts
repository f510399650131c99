/** The port through which stores call their procedures, with the types of the module that defines them. */
import type { Procedures } from './tx.ts'

/** `detail` says what is wrong and what happens next; it is empty while all is well. */
export interface StorageHealth {
  ok: boolean
  detail: string
}

type ArgsOf<P extends Procedures, N extends keyof P> =
  Parameters<P[N]> extends [unknown, infer Args] ? [args: Args] : []
type ResultOf<P extends Procedures, N extends keyof P> = Awaited<ReturnType<P[N]>>

export interface Database<P extends Procedures> {
  /** Runs a procedure and resolves once what it wrote is durable (I1). */
  call<N extends keyof P & string>(name: N, ...args: ArgsOf<P, N>): Promise<ResultOf<P, N>>
  /** Runs a procedure that only reads, on committed data. */
  query<N extends keyof P & string>(name: N, ...args: ArgsOf<P, N>): Promise<ResultOf<P, N>>
  health(): StorageHealth
  close(): Promise<void>
}
