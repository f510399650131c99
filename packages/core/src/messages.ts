/**
 * Everything that can arrive on the device channel: one union up (device to hub), one down, and the SYNC bytes.
 * A message's number is its frame type; a number once used is never given another meaning.
 * Stream 0 is control. A stream above 0 is one open document, numbered by the device.
 */
import * as v from 'valibot'
import { devicePolicySchema } from './device-policy.ts'
import { environmentStateSchema } from './environments.ts'
import { type ErrorCode, isErrorCode, MeshError } from './errors.ts'
import { textOfEvent } from './event-text.ts'
import { type ChannelFrame, encodeFrame } from './frames.ts'
import { type Fence, type IdKind, type IdTypes, isId, isRunId, type RunId, type Seq } from './ids.ts'
import { lanNonceSchema, lanOfferSchema } from './lan.ts'
import { limits } from './limits.ts'
import { gateDecisions, gateNonceSchema, runEventSchema } from './run.ts'

export { protocolVersion } from './protocol.ts'

export const frameTypes = {
  REGISTER: 1,
  HEARTBEAT: 2,
  RUNTIME_UP: 3,
  RUNTIME_DOWN: 4,
  SYNC: 5,
  CLAIM: 6,
  RUN_EVENT: 7,
  BYE: 9,
  PROBLEMS: 10,
  OPEN: 16,
  CLOSE: 17,
  WELCOME: 19,
  RUN_ACK: 20,
  DEVICE_LIST: 32,
  SESSION_LIST: 33,
  LEASE: 36,
  RUN_REQUEST: 37,
  RUN_INPUT: 38,
  RUN_CANCEL: 39,
  REVOKED: 42,
  MRP_REQUEST: 48,
  MRP_RESPONSE: 49,
  SYNC_PART: 50,
  OWNER_KEYS: 60,
  OWNER_KEY: 61,
  RUN_AFTERWARDS: 13,
  ENVIRONMENTS: 14,
  ENVIRONMENT: 47,
  GATE_DECIDED: 44,
  CREDIT: 51,
  LAN_GRANT: 45,
  LAN_END: 46,
  LAN_HELLO: 52,
  PROJECT_LIST: 70,
  RUN_IMPORT: 71,
  RUN_IMPORTED: 72,
  SNAPSHOT: 8,
  RESTORING: 11,
  RESTORED: 12,
  SESSION_MOVED: 34,
  MIGRATE_OUT: 40,
  MIGRATE_IN: 41,
  PREFETCH: 43,
} as const

const id = <K extends IdKind>(kind: K) => v.custom<IdTypes[K]>(text => isId(kind, text), `expected a ${kind} id`)
export const documentIdSchema = id('document')
export const sessionIdSchema = id('session')
export const projectIdSchema = id('project')
export const deviceIdSchema = id('device')
export const headIdSchema = id('head')
export const gateIdSchema = id('gate')
export const snapshotIdSchema = id('snapshot')
export const moveIdSchema = id('move')
export const runIdSchema = v.custom<RunId>(isRunId, 'expected a run id')
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
export const fenceSchema = v.custom<Fence>(value => v.is(whole, value), 'expected a fence')
export const seqSchema = v.custom<Seq>(value => v.is(whole, value), 'expected a sequence number')
const codeOfError = v.custom<ErrorCode>(isErrorCode, 'expected an error code')

export const nameSchema = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(limits.nameChars))
/** A language as the user wrote it on the fence, in lower case: `python`, `bash`, `js`. */
export const languageSchema = v.pipe(v.string(), v.maxLength(40), v.regex(/^[a-z][a-z0-9_+#.-]*$/))
export const codeSchema = v.pipe(v.string(), v.maxLength(limits.cellCodeBytes))
export const hashSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const share = v.pipe(v.number(), v.minValue(0))

export const deviceKinds = ['desktop', 'phone', 'server', 'worker'] as const
export const deviceKindSchema = v.picklist(deviceKinds)

/** A kind of kernel that a device can start. */
export const runtimeSchema = v.object({
  language: languageSchema,
  kernel: nameSchema,
  version: v.pipe(v.string(), v.maxLength(100)),
})
export type Runtime = v.InferOutput<typeof runtimeSchema>

export const metricsSchema = v.object({
  cpu: share,
  memoryBytes: ms,
  memoryFreeBytes: ms,
  gpus: v.array(v.object({ name: nameSchema, memoryBytes: ms, memoryFreeBytes: ms, load: share })),
  battery: v.optional(v.object({ level: share, charging: v.boolean() })),
  /** Whether what goes over its network is paid for; absent where the system does not tell. */
  metered: v.optional(v.boolean()),
  /** The networks that it is on, as hashes; for the router alone, shown to nobody. */
  networks: v.optional(v.pipe(v.array(hashSchema), v.maxLength(limits.networksPerDevice))),
})
export type Metrics = v.InferOutput<typeof metricsSchema>

/** Where the output of a run goes: at a Yjs relative position (the requester also writes the intent), or at the n-th cell. */
export const cellRefSchema = v.variant('by', [
  v.object({
    by: v.literal('anchor'),
    anchor: v.record(v.string(), v.unknown()),
    /** Whoever asks writes nothing into the document: the device makes the entry at once. */
    alone: v.optional(v.boolean()),
  }),
  v.object({ by: v.literal('index'), index: ms }),
])
export type CellRef = v.InferOutput<typeof cellRefSchema>

export const requiresSchema = v.pipe(v.array(nameSchema), v.maxLength(limits.requirementsPerRun))

/** `wait`: until the device is offline for sure. Or no longer than so many milliseconds of its silence (0: at once). */
export const failoverSchema = v.union([
  v.literal('wait'),
  v.object({
    elsewhereAfterMs: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(limits.elsewhereAfterMs)),
  }),
])
export type Failover = v.InferOutput<typeof failoverSchema>

/** Body of `POST /runs`; also what a device keeps while it is offline (RUN_REQUEST). `codeHash` is the SHA-256 of `code` in hex. */
export const runRequestSchema = v.object({
  id: v.optional(runIdSchema),
  kind: v.optional(v.literal('cell')),
  document: documentIdSchema,
  cell: v.optional(cellRefSchema),
  language: languageSchema,
  session: v.optional(nameSchema),
  code: codeSchema,
  codeHash: v.optional(hashSchema),
  /** The device the user chose with "Run on…". It is never replaced by another silently (I11). */
  on: v.optional(deviceIdSchema),
  /** What the notebook says of where it runs: `meshbook: {runs-on, requires}` of its front matter. */
  runsOn: v.optional(nameSchema),
  requires: v.optional(requiresSchema),
  /** The kernelspec that the notebook names, if it is for the cell's language; a device without it says so and goes on. */
  kernel: v.optional(nameSchema),
  /** How long it may take, where that is less than what the notebook and the device's policy say (KH13). */
  timeoutMs: v.optional(whole),
  /** The run is dropped when it has not started by then: milliseconds since 1970. */
  expiresAt: v.optional(ms),
  /** When the user asked, if it was kept before it was sent. */
  askedAt: v.optional(ms),
  /** What to do while the device that has the session does not answer, as the notebook says; absent: `wait`. */
  failover: v.optional(failoverSchema),
  /** What becomes of it when its device is lost in its middle; absent: it is `interrupted`. */
  onLoss: v.optional(v.picklist(['interrupt', 'resume', 'again'])),
})
export type RunRequest = v.InferOutput<typeof runRequestSchema>

/** `image`: the whole process, for Linux and the same kind of processor. `portable`: variable by variable, for any system. */
export const snapshotKinds = ['image', 'portable'] as const
export const snapshotKindSchema = v.picklist(snapshotKinds)
/** As of when a saved session is: the last run that is in it, or how far into which run it was saved. */
export const asOfSchema = v.object({
  at: ms,
  run: v.nullable(runIdSchema),
  during: v.optional(v.object({ run: runIdSchema, seq: ms })),
})
/** The saved sessions to try, the best first (MV…). */
export const ladderSchema = v.pipe(
  v.array(v.object({ snapshot: snapshotIdSchema, kind: snapshotKindSchema, asOf: asOfSchema })),
  v.maxLength(10),
)
export type Ladder = v.InferOutput<typeof ladderSchema>
export const cpuFeaturesSchema = v.pipe(
  v.array(v.pipe(v.string(), v.maxLength(40))),
  v.maxLength(limits.snapshotCpuFeatures),
)
const foundWrong = v.object({
  snapshot: snapshotIdSchema,
  code: codeOfError,
  detail: v.pipe(v.string(), v.maxLength(limits.problemTextChars)),
})
/** What could not be saved, by the name that the user knows it by, and why. */
export const lostItemSchema = v.object({
  name: v.pipe(v.string(), v.maxLength(200)),
  reason: v.pipe(v.string(), v.maxLength(limits.problemTextChars)),
})
export const lostItemsSchema = v.pipe(v.array(lostItemSchema), v.maxLength(limits.snapshotLostItems))

/** The right of one device to execute one run, and all it needs for it. */
export const leaseSchema = v.object({
  run: runIdSchema,
  project: projectIdSchema,
  document: documentIdSchema,
  session: sessionIdSchema,
  sessionName: nameSchema,
  head: headIdSchema,
  fence: fenceSchema,
  language: languageSchema,
  /** As in the request. */
  kernel: v.optional(nameSchema),
  timeoutMs: v.optional(whole),
  code: codeSchema,
  cell: v.optional(cellRefSchema),
  requestedBy: v.pipe(v.string(), v.maxLength(200)),
  requestedAt: ms,
  expiresAt: ms,
  /** The head is new here, and begins with what was saved elsewhere: without one of these the run fails. */
  restore: v.optional(ladderSchema),
  /** Cells that ran after the state that is restored and are not in it. */
  behind: v.optional(ms),
  /** The run was saved in its middle and goes on: its log goes up to `seq` (RU70). */
  resume: v.optional(v.object({ seq: seqSchema })),
  /** As in the request: only a run that is to go on elsewhere is saved in its middle (SN60). */
  onLoss: v.optional(v.picklist(['interrupt', 'resume', 'again'])),
})
export type Lease = v.InferOutput<typeof leaseSchema>

export const sessionMethods = ['complete', 'inspect', 'variables', 'interrupt', 'restart'] as const
export type SessionMethod = (typeof sessionMethods)[number]

const open = v.object({
  type: v.literal('OPEN'),
  stream: whole,
  project: projectIdSchema,
  document: documentIdSchema,
})
const closed = v.object({ type: v.literal('CLOSE'), stream: whole, code: codeOfError, reason: v.string() })
/** The receiver of stream data has taken so many bytes more of it (hub SPEC CH20). */
const credit = v.object({ type: v.literal('CREDIT'), stream: whole, bytes: whole })

const heldHead = v.object({ session: sessionIdSchema, head: headIdSchema, fence: fenceSchema })
/** A run whose log at the device goes up to `seq` (0: nothing yet). */
const heldRun = v.object({ run: runIdSchema, fence: fenceSchema, seq: ms })

/** A head that a device gave itself, and the ids that the hub takes where those of the session or head are somebody else's. */
export const localHeadSchema = v.object({
  session: sessionIdSchema,
  sessionName: nameSchema,
  head: headIdSchema,
  fence: fenceSchema,
  spareSession: sessionIdSchema,
  spareHead: headIdSchema,
  /** Whether its kernel is still there. */
  live: v.boolean(),
})
export type LocalHead = v.InferOutput<typeof localHeadSchema>

const told = v.pipe(v.string(), v.maxLength(limits.problemTextChars))
const toldPath = v.pipe(v.string(), v.maxLength(limits.pathBytes))
/** What is wrong at a device and what to do about it, in sentences. `path`, `copy`: in the project. */
export const deviceProblemSchema = v.object({
  code: v.pipe(v.string(), v.maxLength(40)),
  text: told,
  next: told,
  project: v.optional(projectIdSchema),
  path: v.optional(toldPath),
  /** A file that was kept beside it. */
  copy: v.optional(toldPath),
  /** The entry of the device's trash that brings it back. */
  trash: v.optional(toldPath),
})
export type DeviceProblem = v.InferOutput<typeof deviceProblemSchema>
/** The first of them, and how many more there are. */
export const toldProblemsSchema = v.object({
  items: v.pipe(v.array(deviceProblemSchema), v.maxLength(limits.problemsPerDevice)),
  more: ms,
})
export type ToldProblems = v.InferOutput<typeof toldProblemsSchema>

/** The Yjs id of a struct. */
const structIdSchema = v.object({ client: ms, clock: ms })

export const refreshTokenSchema = v.pipe(v.string(), v.regex(/^[\w-]{20,100}$/))
const sealKey = v.pipe(v.string(), v.regex(/^age1[02-9ac-hj-np-z]{58}$/))
const signature = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{86}$/))
/** The owner's data key, sealed for one recipient by one device, which signs that it did. */
export const keyCopySchema = v.object({
  version: whole,
  /** A device, or `recovery`. */
  recipient: v.union([deviceIdSchema, v.literal('recovery')]),
  /** Of the recovery key: to whom it is sealed. */
  sealKey: v.optional(sealKey),
  /** An age file, base64url. */
  sealed: v.pipe(v.string(), v.maxLength(2_000), v.regex(/^[A-Za-z0-9_-]+$/)),
  by: deviceIdSchema,
  byKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  signature,
})
export type KeyCopy = v.InferOutput<typeof keyCopySchema>

export const projectEnvironmentSchema = v.object({ project: projectIdSchema, ...environmentStateSchema.entries })
export type ProjectEnvironment = v.InferOutput<typeof projectEnvironmentSchema>
const environmentsSchema = v.pipe(v.array(projectEnvironmentSchema), v.maxLength(limits.environmentsPerDevice))

const directPeers = v.pipe(v.array(deviceIdSchema), v.maxLength(limits.lanPeersPerDevice))

const up = {
  REGISTER: v.object({
    type: v.literal('REGISTER'),
    version: whole,
    device: deviceIdSchema,
    name: nameSchema,
    kind: deviceKindSchema,
    os: nameSchema,
    arch: nameSchema,
    /** The release of Meshbook that it runs; `version` is that of the protocol. */
    software: v.optional(nameSchema),
    runtimes: v.array(runtimeSchema),
    metrics: metricsSchema,
    projects: v.array(projectIdSchema),
    heads: v.array(heldHead),
    runs: v.array(heldRun),
    /** The refresh token that this device has now; absent before its first. */
    token: v.optional(refreshTokenSchema),
    /** Where secrets for this device are sealed to, signed by its key. */
    seal: v.optional(v.object({ key: sealKey, proof: signature })),
    /** Bytes of one stream that it takes before it gives CREDIT; absent: it gives none, and everything may be sent. */
    credit: v.optional(whole),
    /** Where its own network reaches it; absent: it takes no direct connections. For grants alone, shown to nobody. */
    lan: v.optional(lanOfferSchema),
    /** What it can restore of saved sessions; absent: nothing. */
    restores: v.optional(
      v.object({
        kinds: v.pipe(v.array(snapshotKindSchema), v.maxLength(2)),
        os: v.pipe(v.string(), v.maxLength(200)),
        arch: v.pipe(v.string(), v.maxLength(200)),
        cpu: cpuFeaturesSchema,
      }),
    ),
  }),
  HEARTBEAT: v.object({
    type: v.literal('HEARTBEAT'),
    metrics: metricsSchema,
    heads: v.array(heldHead),
    lan: v.optional(lanOfferSchema),
    /** Devices that it is connected with directly. */
    direct: v.optional(directPeers),
  }),
  RUNTIME_UP: v.object({
    type: v.literal('RUNTIME_UP'),
    session: sessionIdSchema,
    head: headIdSchema,
    fence: fenceSchema,
    language: languageSchema,
    kernel: nameSchema,
  }),
  RUNTIME_DOWN: v.object({
    type: v.literal('RUNTIME_DOWN'),
    session: sessionIdSchema,
    head: headIdSchema,
    fence: fenceSchema,
    reason: v.pipe(v.string(), v.maxLength(500)),
    /** Nobody used it, and all that it had is saved: its session goes on from that (SN46). */
    rests: v.optional(v.boolean()),
  }),
  /**
   * A monitor saw a request in a document for which it holds no lease. `author` is the Yjs id of the struct that wrote
   * the request: the hub grants only if a connection with the right to run delivered that struct, or the run was asked
   * for by `POST /runs`.
   */
  CLAIM: v.object({
    type: v.literal('CLAIM'),
    request: runRequestSchema,
    author: structIdSchema,
    /** The structs of the fields of a nested entry: whoever may write could change one of somebody else's request. */
    fields: v.optional(v.pipe(v.array(structIdSchema), v.maxLength(8))),
    /** A client of this device wrote it that sends no request beside it. What a page of the device writes only shows (RT32). */
    vouched: v.optional(v.boolean()),
  }),
  RUN_EVENT: v.object({
    type: v.literal('RUN_EVENT'),
    run: runIdSchema,
    fence: fenceSchema,
    first: seqSchema,
    events: v.pipe(v.array(runEventSchema), v.minLength(1), v.maxLength(limits.runEventBatch)),
  }),
  /** How a run ended here after the hub had ended it itself: its last event, which is not in the hub's log. */
  RUN_AFTERWARDS: v.object({
    type: v.literal('RUN_AFTERWARDS'),
    run: runIdSchema,
    fence: fenceSchema,
    seq: seqSchema,
    event: runEventSchema,
  }),
  /**
   * A run that this device gave itself while the hub was out of reach, before its events. Idempotent by the run's id; only
   * for a hub that takes it (WELCOME).
   */
  RUN_IMPORT: v.object({
    type: v.literal('RUN_IMPORT'),
    project: projectIdSchema,
    request: runRequestSchema,
    /** Why it ran there. */
    reasons: v.pipe(v.array(v.pipe(v.string(), v.maxLength(1_000))), v.maxLength(limits.reasonsPerImport)),
    head: localHeadSchema,
    /** The number of its last event, if it has ended. */
    end: v.optional(seqSchema),
  }),
  MRP_RESPONSE: v.variant('ok', [
    v.object({ type: v.literal('MRP_RESPONSE'), id: ms, ok: v.literal(true), result: v.unknown() }),
    v.object({
      type: v.literal('MRP_RESPONSE'),
      id: ms,
      ok: v.literal(false),
      code: codeOfError,
      detail: v.optional(v.string()),
    }),
  ]),
  /** Opens a document of a project on a stream; an id that the hub does not know yet becomes a new document. */
  OPEN: open,
  CLOSE: v.object({ type: v.literal('CLOSE'), stream: whole }),
  CREDIT: credit,
  /** All that is wrong at the device now, in the place of what it told before; only for a hub that takes it (WELCOME). */
  PROBLEMS: v.object({ type: v.literal('PROBLEMS'), ...toldProblemsSchema.entries }),
  /** The environments of its projects, in the place of what it told before; only for a hub that takes it (WELCOME). */
  ENVIRONMENTS: v.object({ type: v.literal('ENVIRONMENTS'), items: environmentsSchema }),
  /** Copies of the owner's data key: of a new version with all who get it, or of one that is there, for who lacks it. */
  OWNER_KEY: v.object({
    type: v.literal('OWNER_KEY'),
    version: whole,
    /** A hash of the key, by which copies of another key for the same version are told apart. */
    keyId: hashSchema,
    copies: v.pipe(v.array(keyCopySchema), v.minLength(1), v.maxLength(limits.devicesPerUser + 1)),
  }),
  /** How it stands with the saving of a live session; `ask` answers MIGRATE_OUT. Only for a hub that takes it (WELCOME). */
  SNAPSHOT: v.object({
    type: v.literal('SNAPSHOT'),
    session: sessionIdSchema,
    head: headIdSchema,
    fence: fenceSchema,
    ask: v.optional(moveIdSchema),
    state: v.picklist(['saving', 'saved', 'failed', 'off']),
    /** All parts and the record are at the hub. */
    snapshot: v.optional(snapshotIdSchema),
    code: v.optional(codeOfError),
    detail: v.optional(v.pipe(v.string(), v.maxLength(limits.problemTextChars))),
    /** It has a kernel beyond what was restored of it elsewhere: runs that are in no record (MV30). */
    ahead: v.optional(ms),
  }),
  /** How far a restore is, at most every `restoringToldMs`. */
  RESTORING: v.object({
    type: v.literal('RESTORING'),
    session: sessionIdSchema,
    head: headIdSchema,
    phase: v.picklist(['fetch', 'open', 'start']),
    done: ms,
    total: ms,
  }),
  /** A restore has ended. `ask` answers MIGRATE_IN; without it, it was that of a lease. */
  RESTORED: v.object({
    type: v.literal('RESTORED'),
    session: sessionIdSchema,
    head: headIdSchema,
    fence: fenceSchema,
    ask: v.optional(moveIdSchema),
    ok: v.boolean(),
    snapshot: v.optional(snapshotIdSchema),
    /** Those that were tried before and could not be used. */
    failed: v.pipe(v.array(foundWrong), v.maxLength(10)),
    lost: lostItemsSchema,
    /** How long each part of it took. */
    times: v.optional(v.object({ fetchMs: ms, openMs: ms, startMs: ms })),
  }),
  BYE: v.object({ type: v.literal('BYE'), reason: v.picklist(['sleep', 'stop']) }),
}

export const deviceStatusSchema = v.picklist(['online', 'suspect', 'offline'])
export type DeviceStatus = v.InferOutput<typeof deviceStatusSchema>
export const deviceInfoSchema = v.object({
  id: deviceIdSchema,
  name: nameSchema,
  kind: deviceKindSchema,
  os: v.string(),
  /** The release of Meshbook that it ran when it was last here. */
  software: v.optional(v.string()),
  status: deviceStatusSchema,
  lastSeenAt: ms,
  runtimes: v.array(runtimeSchema),
  metrics: v.nullable(metricsSchema),
  policy: devicePolicySchema,
  /** What it told last; absent in DEVICE_LIST, and for devices of others. */
  problems: v.optional(toldProblemsSchema),
  /** Whose it is, where it is not the reader's. */
  owner: v.optional(nameSchema),
  /** Devices of the same user that it is connected with on its own network; absent in DEVICE_LIST, and for devices of others. */
  direct: v.optional(directPeers),
  /** Of its projects; absent in DEVICE_LIST. */
  environments: v.optional(environmentsSchema),
})
export type DeviceInfo = v.InferOutput<typeof deviceInfoSchema>

export const sessionInfoSchema = v.object({
  id: sessionIdSchema,
  project: projectIdSchema,
  language: languageSchema,
  name: nameSchema,
  /** The device that holds the live head, if one does. */
  device: v.nullable(deviceIdSchema),
  fence: v.nullable(fenceSchema),
  kernel: v.nullable(nameSchema),
  /** Since when that device has it. */
  since: v.optional(v.nullable(ms)),
  /** How it stands with what is saved of it. */
  saved: v.optional(
    v.object({
      /** The newest usable record. */
      snapshot: v.nullable(snapshotIdSchema),
      asOf: v.nullable(asOfSchema),
      kind: v.nullable(snapshotKindSchema),
      bytes: ms,
      /** Ended runs of the session that are not in it. */
      behind: ms,
      /** What the device that has it is doing about it. */
      state: v.picklist(['saving', 'saved', 'failed', 'off', 'none']),
      detail: v.optional(v.string()),
    }),
  ),
  /** What the live head was restored from, if it was. */
  restored: v.optional(
    v.object({
      snapshot: snapshotIdSchema,
      asOf: asOfSchema,
      behind: ms,
      lost: lostItemsSchema,
      /** Where it was live before. */
      from: v.nullable(deviceIdSchema),
      at: ms,
    }),
  ),
  /** What holds for it where no notebook says otherwise, as far as its owner has set anything (`PATCH /sessions/:id`). */
  policy: v.optional(
    v.object({
      failover: v.optional(failoverSchema),
      onLoss: v.optional(v.picklist(['interrupt', 'resume', 'again'])),
    }),
  ),
  /** A restore or a move that is under way. */
  moving: v.optional(
    v.object({
      move: v.optional(moveIdSchema),
      to: v.nullable(deviceIdSchema),
      phase: v.picklist(['waiting', 'saving', 'fetch', 'open', 'start']),
      done: ms,
      total: ms,
    }),
  ),
})
export type SessionInfo = v.InferOutput<typeof sessionInfoSchema>

export const projectInfoSchema = v.object({
  id: projectIdSchema,
  name: nameSchema,
  owner: nameSchema,
  tree: documentIdSchema,
})
export type ProjectInfo = v.InferOutput<typeof projectInfoSchema>

/** As a device is told of it. `access` is absent where its user may write. */
export const deviceProjectSchema = v.object({
  ...projectInfoSchema.entries,
  access: v.optional(v.literal('read')),
  /** It is another user's. */
  shared: v.optional(v.literal(true)),
})
export type DeviceProject = v.InferOutput<typeof deviceProjectSchema>

const down = {
  WELCOME: v.object({
    type: v.literal('WELCOME'),
    version: whole,
    pingMs: whole,
    heartbeatMs: whole,
    projects: v.array(deviceProjectSchema),
    /** How far the hub's log of each run named in REGISTER goes; the device sends what follows. */
    runs: v.array(heldRun),
    /** Heads named in REGISTER that have passed to a newer fence or ended: stop using them. */
    lost: v.array(headIdSchema),
    /** The hub takes PROBLEMS. */
    problems: v.optional(v.boolean()),
    /** The hub takes ENVIRONMENTS. */
    environments: v.optional(v.boolean()),
    /** The hub takes RUN_IMPORT. */
    imports: v.optional(v.boolean()),
    /** The hub takes SNAPSHOT, RESTORING and RESTORED. */
    snapshots: v.optional(v.boolean()),
    /** The next refresh token. The one that was shown stays good until this one is. */
    token: v.optional(refreshTokenSchema),
    /** As in REGISTER. */
    credit: v.optional(whole),
  }),
  /** All of them, in the place of those of WELCOME: one was made, shared or taken away. */
  PROJECT_LIST: v.object({ type: v.literal('PROJECT_LIST'), projects: v.array(deviceProjectSchema) }),
  /** Somebody with the right to run asks the device to make or to stop making the environment of a project (EN5). */
  ENVIRONMENT: v.object({
    type: v.literal('ENVIRONMENT'),
    project: projectIdSchema,
    language: environmentStateSchema.entries.language,
    action: v.picklist(['make', 'stop']),
  }),
  LEASE: v.object({ type: v.literal('LEASE'), lease: leaseSchema }),
  /** Answer to a CLAIM that is not (yet) granted. */
  RUN_REQUEST: v.object({
    type: v.literal('RUN_REQUEST'),
    run: runIdSchema,
    answer: v.picklist(['wait', 'refuse', 'elsewhere']),
    code: v.optional(codeOfError),
    reason: v.string(),
  }),
  RUN_INPUT: v.object({
    type: v.literal('RUN_INPUT'),
    run: runIdSchema,
    id: nameSchema,
    text: v.pipe(v.string(), v.maxLength(limits.inputBytes)),
  }),
  RUN_CANCEL: v.object({ type: v.literal('RUN_CANCEL'), run: runIdSchema, reason: v.string() }),
  /** What a person decided about a gate of a run that this device holds; told until `gate-decided` is in the log. */
  GATE_DECIDED: v.object({
    type: v.literal('GATE_DECIDED'),
    run: runIdSchema,
    gate: gateIdSchema,
    decision: v.picklist(gateDecisions),
    /** Of what was shown: the executor acts only if they are those that it asked about. */
    digest: hashSchema,
    nonce: gateNonceSchema,
    by: v.nullable(v.string()),
    comment: v.nullable(v.string()),
    decidedAt: ms,
  }),
  /** The log is durable up to `seq`. With `refused`, nothing after `seq` was taken, for that reason. */
  RUN_ACK: v.object({
    type: v.literal('RUN_ACK'),
    run: runIdSchema,
    fence: fenceSchema,
    seq: ms,
    refused: v.optional(codeOfError),
  }),
  /** Where an imported run is now: its events may come, under this fence, from behind `seq`. With `refused` it is not taken. */
  RUN_IMPORTED: v.object({
    type: v.literal('RUN_IMPORTED'),
    run: runIdSchema,
    settled: v.optional(
      v.object({ session: sessionIdSchema, sessionName: nameSchema, head: headIdSchema, fence: fenceSchema, seq: ms }),
    ),
    refused: v.optional(v.object({ code: codeOfError, reason: v.string() })),
  }),
  MRP_REQUEST: v.object({
    type: v.literal('MRP_REQUEST'),
    id: ms,
    session: sessionIdSchema,
    method: v.picklist(sessionMethods),
    params: v.record(v.string(), v.unknown()),
  }),
  CLOSE: closed,
  CREDIT: credit,
  /** Without metrics. The whole list comes after WELCOME; with `part` only what changed since the last one. */
  DEVICE_LIST: v.object({
    type: v.literal('DEVICE_LIST'),
    devices: v.array(deviceInfoSchema),
    part: v.optional(v.boolean()),
    gone: v.optional(v.array(deviceIdSchema)),
  }),
  SESSION_LIST: v.object({ type: v.literal('SESSION_LIST'), sessions: v.array(sessionInfoSchema) }),
  /** Save this head now, whole, and say so by SNAPSHOT with the same `ask`; with `name` the record is kept under it. */
  MIGRATE_OUT: v.object({
    type: v.literal('MIGRATE_OUT'),
    ask: moveIdSchema,
    session: sessionIdSchema,
    head: headIdSchema,
    fence: fenceSchema,
    name: v.nullable(nameSchema),
    /** Only what can be restored there. */
    kinds: v.pipe(v.array(snapshotKindSchema), v.minLength(1), v.maxLength(2)),
    /** The head has passed on already: save what it still has, then end it (MV30). */
    end: v.optional(v.boolean()),
  }),
  /** Make a kernel of one of these, under a head that nobody may use before its first lease, or SESSION_MOVED. */
  MIGRATE_IN: v.object({
    type: v.literal('MIGRATE_IN'),
    ask: moveIdSchema,
    project: projectIdSchema,
    session: sessionIdSchema,
    sessionName: nameSchema,
    language: languageSchema,
    kernel: v.optional(nameSchema),
    head: headIdSchema,
    fence: fenceSchema,
    restore: v.pipe(ladderSchema, v.minLength(1)),
  }),
  /** Fetch and open it, so that a restore that may be wanted soon is fast. */
  PREFETCH: v.object({
    type: v.literal('PREFETCH'),
    session: sessionIdSchema,
    restore: v.pipe(ladderSchema, v.minLength(1)),
  }),
  /** The head that was live on `from` has passed on to `to`; null: to nobody, what was being restored is to be given up. */
  SESSION_MOVED: v.object({
    type: v.literal('SESSION_MOVED'),
    session: sessionIdSchema,
    from: v.nullable(deviceIdSchema),
    to: v.nullable(deviceIdSchema),
    /** The head of `from` that is over, and the one of `to`. */
    ended: v.nullable(headIdSchema),
    head: v.nullable(headIdSchema),
    fence: fenceSchema,
    asOf: v.nullable(asOfSchema),
  }),
  REVOKED: v.object({ type: v.literal('REVOKED'), reason: v.optional(v.string()) }),
  /**
   * Two devices may connect with each other, for so long: both are told. The same nonce again prolongs what it stands
   * for; another one opens another connection.
   */
  LAN_GRANT: v.object({
    type: v.literal('LAN_GRANT'),
    peer: deviceIdSchema,
    role: v.picklist(['dial', 'listen']),
    nonce: lanNonceSchema,
    ...lanOfferSchema.entries,
    /** The projects whose documents may pass. */
    projects: v.pipe(v.array(projectIdSchema), v.maxLength(limits.projectsPerUser)),
    ttlMs: v.pipe(whole, v.maxValue(limits.lanGrantMs)),
  }),
  /** What was granted with that device is void, and a connection with it ends. */
  LAN_END: v.object({ type: v.literal('LAN_END'), peer: deviceIdSchema }),
  /** What the hub has of the owner's data key. `version` 0: nobody has made it; `rotate`: who had it was shut out. */
  OWNER_KEYS: v.object({
    type: v.literal('OWNER_KEYS'),
    version: ms,
    rotate: v.boolean(),
    /** Those of this device, of every version. */
    copies: v.array(keyCopySchema),
    recovery: v.nullable(keyCopySchema),
    /** Devices of the same user that can be sealed for, and the versions that they lack. */
    devices: v.array(
      v.object({
        id: deviceIdSchema,
        publicKey: v.string(),
        sealKey,
        sealProof: signature,
        lacks: v.array(whole),
      }),
    ),
  }),
}

/** What two devices say to each other on a direct connection, beside SYNC; nothing else is understood there (LAN20). */
const direct = {
  LAN_HELLO: v.object({ type: v.literal('LAN_HELLO'), nonce: lanNonceSchema }),
  OPEN: open,
  CLOSE: closed,
  CREDIT: credit,
}

type Schemas = Record<string, v.GenericSchema>
type MessageOf<S extends Schemas> = { [K in keyof S]: v.InferOutput<S[K]> }[keyof S]
export type UpMessage = MessageOf<typeof up>
export type DownMessage = MessageOf<typeof down>
export type DirectMessage = MessageOf<typeof direct>
type ControlType = Exclude<keyof typeof frameTypes, 'SYNC' | 'SYNC_PART'>

// Where nothing is parsed, as in a page that only takes schemas from here, it is not made.
const typeOfNumber = /* @__PURE__ */ typesByNumber()
const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { fatal: true })

export function encodeMessage(message: UpMessage | DownMessage | DirectMessage): Uint8Array {
  return encodeFrame({
    type: frameTypes[message.type],
    stream: 0,
    payload: textEncoder.encode(textOf(message)),
  })
}

function typesByNumber(): Map<number, ControlType> {
  const control = Object.entries(frameTypes).filter(([type]) => type !== 'SYNC' && type !== 'SYNC_PART')
  return new Map(control.map(([type, number]) => [number, type as ControlType]))
}

function textOf(message: UpMessage | DownMessage | DirectMessage): string {
  if (message.type !== 'RUN_EVENT') return JSON.stringify(message)
  const { events, ...head } = message
  return `${JSON.stringify(head).slice(0, -1)},"events":[${events.map(textOfEvent).join(',')}]}`
}

export function encodeSync(stream: number, bytes: Uint8Array): Uint8Array {
  return encodeFrame({ type: frameTypes.SYNC, stream, payload: bytes })
}

/**
 * The frames that carry one sync payload. A payload above `channelChunkBytes` goes as SYNC_PART frames and a last SYNC
 * frame, in this order; frames of other streams may stand between them.
 */
export function splitSync(stream: number, bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  let start = 0
  for (; bytes.byteLength - start > limits.channelChunkBytes; start += limits.channelChunkBytes) {
    frames.push(
      encodeFrame({
        type: frameTypes.SYNC_PART,
        stream,
        payload: bytes.subarray(start, start + limits.channelChunkBytes),
      }),
    )
  }
  return [...frames, encodeSync(stream, bytes.subarray(start))]
}

/** The receiving end of `splitSync`, one for each socket. What is unfinished on all streams together has a cap (I10). */
export class SyncJoiner {
  readonly #unfinished = new Map<number, { parts: Uint8Array[]; bytes: number }>()
  #bytes = 0

  /** Takes a SYNC or SYNC_PART frame; returns the whole payload once its last frame is there. */
  add({ type, stream, payload }: ChannelFrame): Uint8Array | undefined {
    const known = this.#unfinished.get(stream)
    const bytes = (known?.bytes ?? 0) + payload.byteLength
    if (bytes > limits.syncFrameBytes)
      throw new MeshError('TOO_LARGE', { detail: `a sync payload of more than ${limits.syncFrameBytes} bytes` })
    if (type !== frameTypes.SYNC_PART) {
      this.forget(stream)
      return known ? joined([...known.parts, payload], bytes) : payload
    }
    if (this.#bytes + payload.byteLength > limits.channelUnfinishedBytes)
      throw new MeshError('SLOW_DOWN', { detail: 'too many unfinished sync payloads' })
    this.#bytes += payload.byteLength
    const unfinished = known ?? { parts: [], bytes: 0 }
    if (payload.byteLength > 0) unfinished.parts.push(payload)
    unfinished.bytes = bytes
    this.#unfinished.set(stream, unfinished)
    return undefined
  }

  /** The stream is closed: its rest never comes. */
  forget(stream: number): void {
    this.#bytes -= this.#unfinished.get(stream)?.bytes ?? 0
    this.#unfinished.delete(stream)
  }
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}

/** A control frame from a device, checked; anything else throws BAD_MESSAGE. */
export function parseUp(frame: ChannelFrame): UpMessage {
  return parseControl(up, frame) as UpMessage
}

/** A control frame from the hub, checked; anything else throws BAD_MESSAGE. */
export function parseDown(frame: ChannelFrame): DownMessage {
  return parseControl(down, frame) as DownMessage
}

/** A control frame of a direct connection, checked; anything else throws BAD_MESSAGE. */
export function parseDirect(frame: ChannelFrame): DirectMessage {
  return parseControl(direct, frame) as DirectMessage
}

function parseControl(schemas: Schemas, frame: ChannelFrame): unknown {
  const type = typeOfNumber.get(frame.type)
  const schema = type && Object.hasOwn(schemas, type) ? schemas[type] : undefined
  if (!schema) throw new MeshError('BAD_MESSAGE', { detail: `frame type ${frame.type} is not known in this direction` })
  const result = v.safeParse(schema, parseJson(frame.payload, type!))
  if (result.success) return result.output
  throw new MeshError('BAD_MESSAGE', { detail: `${type}: ${explainIssues(result.issues)}` })
}

function parseJson(bytes: Uint8Array, type: string): unknown {
  try {
    return JSON.parse(textDecoder.decode(bytes))
  } catch (cause) {
    throw new MeshError('BAD_MESSAGE', { detail: `${type}: not JSON`, cause })
  }
}

/** What is wrong and where, for the first three issues of a failed parse. */
export function explainIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues
    .slice(0, 3)
    .map(issue => `${v.getDotPath(issue) ?? 'value'}: ${issue.message}`)
    .join('; ')
}
