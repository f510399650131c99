/**
 * The kernel port: what the device daemon asks of the sessions that run on its machine.
 * It knows nothing of processes, sockets or files; `createKernelSessions` in sessions.ts is the implementation.
 */
import type { Completions, Inspection, Variables } from '@meshbook/core/api.ts'
import type { KernelPolicy } from '@meshbook/core/device-policy.ts'
import type { AssetId, Fence, HeadId, Now, ProjectId, RandomBytes, RunId, Seq, SessionId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Runtime } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'

export interface ExecuteOrder {
  run: RunId
  fence: Fence
  code: string
  /** Shown as the file name of the cell in tracebacks. */
  cellName: string
  /** What the notebook or the request says of how long it may take; the device's policy may say less. */
  timeoutMs?: number | undefined
}

export interface JournalEvent {
  run: RunId
  /** The newest fence under which the run was ordered. */
  fence: Fence
  seq: Seq
  event: RunEvent
}

export interface SessionSpec {
  session: SessionId
  head: HeadId
  fence: Fence
  project: ProjectId
  projectFolder: string
  language: string
  name: string
  /** The name of the kernelspec that the notebook asks for; only where the device has it (JK3). */
  kernelspec?: string | undefined
  /** Name of this device, for the `started` event. */
  device: string
}

/** What a kernel is like for whoever saves it (KN50…). */
export interface KernelShape {
  pid: number
  /** It is the first process of a pid namespace of its own. */
  ownNamespace: boolean
  /** It answers `fork`. */
  forks: boolean
  /** It answers `save`. */
  saves: boolean
  /** Threads of the program, without those of the kernel itself. */
  threads: number
  /** Processes that it started and that live. */
  children: number
  /** Where it listens, and what it must be shown. */
  address: string
  port: number
  token: string
  scratch: string
  /** Of the interpreter. */
  version: string
  /** The run that ended last, and the one in progress with the number of its last durable event. */
  lastRun: RunId | null
  running: { run: RunId; seq: number; kernelEvents: number } | null
}

/** A copy of the kernel that waits to be dumped; whoever asked for it ends it. */
export interface ForkedKernel {
  pid: number
  identity: string
  pauseMs: number
  lastRun: RunId | null
  threads: number
  children: number
  /** Names and types of the variables, as for `insideSchema`. */
  variables: { name: string; type: string; bytes?: number | undefined }[]
  more: number
  /** The folder that it watches for `resume.json` (KN53): below /dev/shm, of its own, made by the kernel. */
  watches: string
}

/** One file of `folder` is one co-variable (names that share objects); the kernel wrote it (KN51). */
export interface SavedVariables {
  pauseMs: number
  lastRun: RunId | null
  lost: { name: string; reason: string }[]
  variables: { name: string; type: string; bytes?: number | undefined }[]
  more: number
}

/** What a session can be made of. */
export type SavedKernel =
  | { kind: 'portable'; folder: string }
  /**
   * It runs already, restored by the caller, and listens there. From `start` on it is the session's: if that fails, it is
   * ended. Whoever watches over it until then looks for the file `adopted`, and ends what nobody took (SN28).
   */
  | {
      kind: 'image'
      /** The first process of its pid namespace, as this machine numbers it; or, without one, the kernel itself. */
      pid: number
      identity: string
      address: string
      port: number
      token: string
      kernel: string
      /** The folder of its pipes and files, where it has one here. */
      scratch?: string | undefined
      adopted: string
      /** What the user is to know of what is not as it was. */
      notes?: string[] | undefined
    }

/** A run that goes on in the restored kernel: its log goes up to `seq`, the kernel's own events up to `kernelEvents` are in the image. */
export interface ResumedRun {
  order: ExecuteOrder
  seq: number
  fromSeq: number
  kernelEvents: number
}

export interface SavedStart {
  /** Where it is still being made, what holds the session is started meanwhile. */
  from: SavedKernel | Promise<SavedKernel>
  /** What the first run says before anything else: as of when the state is, what was lost. */
  notice: string
  resume?: ResumedRun | undefined
}

export interface KernelSession {
  readonly spec: SessionSpec
  /** For people: `Python 3.11.7`. */
  readonly kernelName: string
  /** Resolves when the order is durable. Idempotent by run id: a known run never runs twice; other code is RUN_EXISTS. */
  execute(order: ExecuteOrder): Promise<void>
  /** Events with `seq` above `after`, each durable before it is yielded; ends after the terminal event or by `signal`. */
  events(run: RunId, after: number, signal: AbortSignal): AsyncIterable<JournalEvent>
  /** Answers an input request; without an id it answers the open one, or is typed ahead where the language allows it. */
  input(run: RunId, id: string | undefined, text: string): Promise<void>
  /** Interrupts, and after `limits.interruptGraceMs` kills; the run ends with exactly one terminal event, `cancelled`. */
  cancel(run: RunId, reason: string): Promise<void>
  /** `cursor` counts UTF-16 units. */
  complete(code: string, cursor: number): Promise<Completions>
  inspect(code: string, cursor: number): Promise<Inspection>
  variables(): Promise<Variables>
  /** A fresh kernel under a new fence; a run in progress ends as `cancelled`. */
  restart(fence: Fence): Promise<void>
  /** Ends the kernel and everything it started. The journal stays until every run is forgotten. */
  shutdown(): Promise<void>
  shape(): Promise<KernelShape>
  /** Throws CONFLICT while a run is in progress, SNAPSHOT_FAILED if the kernel cannot. Never tried again by itself. */
  fork(): Promise<ForkedKernel>
  /** Writes the variables into an empty folder. Throws like `fork`; runs that are ordered meanwhile are done. */
  save(folder: string): Promise<SavedVariables>
  /** No run begins until it is let go, or `maxMs` are over; the run in progress goes on. Resolves once that holds. */
  hold(maxMs: number): Promise<{ release(): Promise<void> }>
  /** The whole log and its assets are durable elsewhere: the journal may drop the run. Its id stays known. */
  forget(run: RunId): Promise<void>
  /** The bytes of a display part that was too large to stand in its event. */
  asset(id: AssetId): Promise<Uint8Array>
}

export interface JournaledRun {
  run: RunId
  fence: Fence
  seq: number
  ended: boolean
}

export interface RecoveredSession {
  session: KernelSession
  runs: JournaledRun[]
  /** False if the kernel ended meanwhile: the session only has a journal, until `start` gives it a fresh kernel. */
  alive: boolean
}

export interface KernelSessions {
  /** What can be started here. */
  runtimes(): Promise<Runtime[]>
  /** Why a language cannot be started here and what to install; undefined if it can. */
  missing(language: string): Promise<string | undefined>
  /**
   * Starts a session, or re-attaches to it if it is there. With `saved` its kernel is made of what was saved, in the place
   * of one that it may have; when that fails (RESTORE_FAILED), what it had is as it was.
   */
  start(spec: SessionSpec, saved?: SavedStart): Promise<KernelSession>
  /** After a daemon restart: live hosts are re-attached, dead hosts are replaced, runs of dead kernels are closed as `interrupted`. */
  recover(): Promise<RecoveredSession[]>
  /** Called when the kernel of a session has ended by itself. */
  onDown(listener: (session: SessionId, reason: string) => void): void
  /** What sessions may take from now on, those that run among them. */
  setPolicy(policy: KernelPolicy): Promise<void>
  /** Detaches; kernels and their runs go on. */
  close(): Promise<void>
  /** Ends every session of this folder and leaves no process behind. */
  stopAll(): Promise<void>
}

export interface KernelSessionsOptions {
  /** One folder per session is made in it. */
  folder: string
  now: Now
  random: RandomBytes
  limits: Limits
  /** What kernels inherit, without the names that begin with MESHBOOK_; the process's own if absent. */
  env?: NodeJS.ProcessEnv
  nodePath?: string
  /** Languages whose kernel is a runtime at a URL (kernels/SPEC.md, MRP). From the user's own settings alone (I6). */
  runtimeUrls?: Readonly<Record<string, string>>
}
