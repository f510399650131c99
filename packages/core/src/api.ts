/**
 * Shapes of the HTTP API under /api/v1, for the hub's handlers, the OpenAPI document and every client.
 * Bodies are checked with these schemas on both sides; lists are `{items, next?}` with an opaque cursor.
 */
import * as v from 'valibot'
import { policyChangeSchema } from './device-policy.ts'
import { environmentStateSchema } from './environments.ts'
import { limits } from './limits.ts'
import {
  cellRefSchema,
  codeSchema,
  deviceIdSchema,
  deviceInfoSchema,
  documentIdSchema,
  fenceSchema,
  gateIdSchema,
  hashSchema,
  languageSchema,
  nameSchema,
  projectIdSchema,
  runIdSchema,
  sessionIdSchema,
  sessionInfoSchema,
} from './messages.ts'
import { roles } from './roles.ts'
import { gateDecisions, gateNonceSchema, mimePartSchema, runErrorSchema, runKinds } from './run.ts'
import { normalPath } from './tree.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

export const scopes = ['read', 'write', 'run'] as const
export type Scope = (typeof scopes)[number]

export const pathSchema = v.pipe(
  v.string(),
  v.check(
    text => normalPath(text) !== undefined,
    'expected a relative path without "..", control characters or reserved names',
  ),
  v.transform(text => normalPath(text)!),
)

/** `GET /me` */
export const meSchema = v.object({
  user: nameSchema,
  org: v.string(),
  hub: v.object({ name: nameSchema, version: v.string(), publicUrl: v.string() }),
  /** The caller's device on the machine that the request comes from, where that can be told. */
  device: v.optional(deviceIdSchema),
  /** Only from a device's own web app: what it is called, and where its hub is, if it has one. */
  machine: v.optional(v.object({ name: nameSchema, hub: v.nullable(v.string()) })),
})
export type Me = v.InferOutput<typeof meSchema>

/** `GET|POST /projects` */
export const projectSchema = v.object({
  id: projectIdSchema,
  name: nameSchema,
  owner: nameSchema,
  tree: documentIdSchema,
  createdAt: ms,
  /** Of the caller, where the project is somebody else's. */
  roles: v.optional(v.array(v.picklist(roles))),
})
export type Project = v.InferOutput<typeof projectSchema>
export const projectNameSchema = v.pipe(nameSchema, v.regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u))
export const newProjectSchema = v.object({
  name: projectNameSchema,
  /** Of a project that a device made without a hub: it stays the same one. Another of this name gives it a number. */
  made: v.optional(v.object({ id: projectIdSchema, tree: documentIdSchema })),
})

/** `POST /projects/:id/environments`: a device makes the environment that a lock file of the project asks for (EN5). */
export const environmentOrderSchema = v.object({
  device: deviceIdSchema,
  language: environmentStateSchema.entries.language,
  action: v.picklist(['make', 'stop']),
})
export type EnvironmentOrder = v.InferOutput<typeof environmentOrderSchema>

export const projectsPolicies = ['all', 'ask', 'none'] as const
/** Which projects get a folder on a device by themselves. */
export const projectsPolicySchema = v.picklist(projectsPolicies)
export type ProjectsPolicy = v.InferOutput<typeof projectsPolicySchema>
/** `GET|PATCH /here`, `POST /here/folders`, `DELETE /here/folders/:project`: of a device's own web app alone. */
export const hereSchema = v.object({
  policy: projectsPolicySchema,
  projects: v.array(
    v.object({
      id: projectIdSchema,
      name: nameSchema,
      owner: nameSchema,
      shared: v.optional(v.literal(true)),
      access: v.optional(v.literal('read')),
      folder: v.nullable(v.string()),
      state: v.picklist(['attached', 'offered', 'left-out', 'refused']),
      /** Why it has no folder. */
      problem: v.optional(v.string()),
      /** No hub has it yet. */
      made: v.optional(v.literal(true)),
      progress: v.optional(v.object({ documents: ms, here: ms })),
    }),
  ),
})
export type Here = v.InferOutput<typeof hereSchema>
export const changeHereSchema = v.object({ policy: projectsPolicySchema })
export const newFolderSchema = v.object({ project: projectIdSchema })

/** `GET|POST /documents`, `GET|PATCH|DELETE /documents/:id`. `GET /documents` takes `?project=` or `?path=<owner>/<project>/<path>`. */
export const documentSchema = v.object({
  id: documentIdSchema,
  project: projectIdSchema,
  path: v.string(),
  createdAt: ms,
  updatedAt: ms,
})
export type DocumentInfo = v.InferOutput<typeof documentSchema>
export const newDocumentSchema = v.object({
  project: projectIdSchema,
  path: pathSchema,
  content: v.optional(v.pipe(v.string(), v.maxLength(limits.requestBodyBytes))),
})
/** `GET /files?project=`: the files of a project that are no documents, by path. */
export const fileSchema = v.object({
  id: documentIdSchema,
  project: projectIdSchema,
  path: v.string(),
  asset: v.string(),
  bytes: ms,
  /** The device that wrote it, and when. */
  by: v.string(),
  at: ms,
})
export type FileInfo = v.InferOutput<typeof fileSchema>
/** `GET /files/:id`: also whether its bytes are at the hub, and how many of them are if not all. */
export const fileStateSchema = v.object({ ...fileSchema.entries, stored: v.boolean(), arrived: ms })
export type FileState = v.InferOutput<typeof fileStateSchema>
export const moveDocumentSchema = v.object({ path: pathSchema })
/** `GET /documents/:id/content`: the Markdown text as it is now. */

/** Whose connection brought a change. `here`: it is the one that asks. */
export const authorSchema = v.object({
  kind: v.picklist(['browser', 'device', 'program']),
  id: v.string(),
  name: v.string(),
  user: v.string(),
  here: v.optional(v.boolean()),
})
export type Author = v.InferOutput<typeof authorSchema>

export const versionKinds = ['edit', 'restore', 'undo', 'redo'] as const
/** `GET /documents/:id/versions`, newest first. `added` and `removed` count lines against the version before. */
export const versionSchema = v.object({
  version: v.pipe(ms, v.minValue(1)),
  at: ms,
  kind: v.picklist(versionKinds),
  /** The version that was restored, undone or redone. */
  of: v.nullable(ms),
  name: v.nullable(nameSchema),
  chars: ms,
  added: ms,
  removed: ms,
  authors: v.array(authorSchema),
  /** Some of it came while nobody took notes, for example just before the hub was killed. */
  unattributed: v.boolean(),
})
export type Version = v.InferOutput<typeof versionSchema>
/** `POST /documents/:id/versions`: records what is new now; with a name the version is kept for good. */
export const newVersionSchema = v.object({ name: v.optional(nameSchema) })
/** Repeating a request changes nothing. */
const requestIdSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{8,64}$/))
/** `POST /documents/:id/restore` */
export const restoreSchema = v.object({ version: v.pipe(ms, v.minValue(1)), request: requestIdSchema })
/** `POST /documents/:id/undo` and `/redo`. `version`: refused if it is another one's turn by now. */
export const undoSchema = v.object({ request: requestIdSchema, version: v.optional(v.pipe(ms, v.minValue(1))) })

/** `POST /documents/:id/renew`: the new epoch, and how many bytes the document took before and takes now. */
export const renewedSchema = v.object({ epoch: v.pipe(ms, v.minValue(1)), bytesBefore: ms, bytes: ms })
export type Renewed = v.InferOutput<typeof renewedSchema>

/** `GET|POST /projects/:id/members`, `PATCH|DELETE /projects/:id/members/:member`. An invitation has an e-mail and no user yet. */
const someRoles = v.pipe(v.array(v.picklist(roles)), v.minLength(1), v.maxLength(roles.length))
const emailSchema = v.pipe(v.string(), v.trim(), v.toLowerCase(), v.maxLength(limits.emailChars), v.email())
export const memberSchema = v.object({
  /** User id, or e-mail of an invitation. */
  id: v.string(),
  name: v.nullable(nameSchema),
  email: v.nullable(v.string()),
  roles: v.array(v.picklist(roles)),
  /** The user of the org that the project belongs to. */
  host: v.boolean(),
  addedAt: ms,
})
export type Member = v.InferOutput<typeof memberSchema>
export const newMemberSchema = v.union([
  v.object({ user: nameSchema, roles: someRoles }),
  v.object({ email: emailSchema, roles: someRoles }),
])
export const memberRolesSchema = v.object({ roles: someRoles })

/** `GET /activity`: how many runs were asked for on each day of UTC that has any, newest first. */
export const activitySchema = v.object({
  from: ms,
  to: ms,
  days: v.array(v.object({ day: v.string(), runs: ms, failed: ms })),
})
export type Activity = v.InferOutput<typeof activitySchema>

/** `GET /audit`, newest first. */
export const auditEntrySchema = v.object({
  id: v.string(),
  at: ms,
  user: v.nullable(v.string()),
  name: v.nullable(v.string()),
  /** What was shown: `token:tok_…`, `session:…`, `device:dev_…`, `ticket:…`. */
  credential: v.nullable(v.string()),
  action: v.string(),
  target: v.nullable(v.string()),
  detail: v.record(v.string(), v.unknown()),
  address: v.nullable(v.string()),
  request: v.nullable(v.string()),
})
export type AuditEntry = v.InferOutput<typeof auditEntrySchema>

/** `POST /tickets` */
export const newTicketSchema = v.union([
  v.object({ document: documentIdSchema, scope: v.picklist(scopes) }),
  v.object({ project: projectIdSchema, scope: v.picklist(scopes) }),
])
export const ticketSchema = v.object({
  ticket: v.string(),
  scope: v.picklist(scopes),
  expiresAt: ms,
  firstUseBefore: ms,
})

/** `POST /tokens`: the token is shown once. */
export const newTokenSchema = v.object({
  name: nameSchema,
  scopes: v.optional(v.pipe(v.array(v.picklist(scopes)), v.minLength(1))),
})
export const tokenSchema = v.object({
  id: v.string(),
  name: nameSchema,
  token: v.optional(v.string()),
  /** In lists. None at all: it only asks models. */
  scopes: v.optional(v.array(v.picklist(scopes))),
  createdAt: ms,
})
export type ApiToken = v.InferOutput<typeof tokenSchema>

/** `POST /auth/link`: signs a browser in with the one-time code of a sign-in link. */
export const linkSchema = v.object({ code: v.pipe(v.string(), v.maxLength(100)) })

/** `POST /devices`: registers a device's public key (raw Ed25519, base64url). */
export const newDeviceSchema = v.object({
  publicKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  name: nameSchema,
  kind: v.picklist(['desktop', 'phone', 'server', 'worker']),
})
/** `PATCH /devices/:id`: of `policy`, the fields that are named change. */
export const changeDeviceSchema = v.pipe(
  v.object({ name: v.optional(nameSchema), policy: v.optional(policyChangeSchema) }),
  v.check(({ name, policy }) => name !== undefined || policy !== undefined, 'expected name or policy'),
)

export const runStatuses = [
  'queued',
  'leased',
  'running',
  'waiting-for-input',
  'waiting-for-gate',
  'completed',
  'failed',
  'cancelled',
  'interrupted',
] as const

/** `POST /runs` answers with this, 201 for a new run and 200 for one it knows; `GET /runs` lists them, newest first. */
export const runSchema = v.object({
  id: runIdSchema,
  kind: v.picklist(runKinds),
  status: v.picklist(runStatuses),
  project: projectIdSchema,
  document: documentIdSchema,
  path: v.nullable(v.string()),
  session: sessionIdSchema,
  language: languageSchema,
  code: v.optional(codeSchema),
  codeHash: hashSchema,
  cell: v.optional(cellRefSchema),
  requestedBy: v.string(),
  requestedAt: ms,
  startedAt: v.nullable(ms),
  endedAt: v.nullable(ms),
  durationMs: v.nullable(ms),
  device: v.nullable(deviceIdSchema),
  deviceName: v.nullable(v.string()),
  fence: v.nullable(fenceSchema),
  seq: ms,
  /** Why it waits, where it waits; why it was placed where it was, once it was. */
  reasons: v.array(v.string()),
  position: v.nullable(ms),
  error: v.nullable(runErrorSchema),
  /** It is set aside until somebody confirms that it is still wanted: it waited too long, or its cell has changed. */
  asks: v.nullable(v.picklist(['expired', 'changed'])),
  /** The run that this one repeats. */
  againOf: v.nullable(runIdSchema),
  /** How an interrupted run ended on its device, which the hub's log does not have: `seq` counts the events there. */
  afterwards: v.nullable(
    v.object({
      status: v.picklist(['completed', 'failed', 'cancelled', 'interrupted']),
      seq: ms,
      endedAt: ms,
      durationMs: ms,
    }),
  ),
  /** Since when only what it came to is known. */
  logExpiredAt: v.nullable(ms),
  /** Its last result, once the log has expired. */
  result: v.nullable(v.array(mimePartSchema)),
})
export type Run = v.InferOutput<typeof runSchema>
/** `POST /runs/:id/again`: a new run of the same code. `on` chooses another device than the first time. */
export const againSchema = v.object({ id: v.optional(runIdSchema), on: v.optional(deviceIdSchema) })
/** `POST /runs/:id/confirm`: this code is still wanted. */
export const confirmSchema = v.object({ codeHash: hashSchema })

export const gateStates = ['open', 'approved', 'rejected', 'expired', 'void'] as const
export const gateSchema = v.object({
  id: gateIdSchema,
  run: runIdSchema,
  project: projectIdSchema,
  document: documentIdSchema,
  path: v.nullable(v.string()),
  state: v.picklist(gateStates),
  title: v.string(),
  /** SHA-256 of `shown`, in hex. */
  digest: hashSchema,
  nonce: gateNonceSchema,
  /** The exact text that is decided about; null once the log of the run has expired, absent in events. */
  shown: v.optional(v.nullable(v.string())),
  /** Names of users; null: whoever may run. */
  deciders: v.nullable(v.array(v.string())),
  /** What is to be chosen from, and the JSON Schema of what is to be filled in; null where there is nothing of it. */
  choices: v.nullable(v.array(v.string())),
  form: v.nullable(v.record(v.string(), v.unknown())),
  openedAt: ms,
  expiresAt: ms,
  decidedBy: v.nullable(v.string()),
  decidedAt: v.nullable(ms),
  comment: v.nullable(v.string()),
  /** When the executor had the decision, by its own clock. */
  receivedAt: v.nullable(ms),
  /** Who holds the run. */
  device: v.nullable(deviceIdSchema),
  deviceName: v.nullable(v.string()),
})
export type Gate = v.InferOutput<typeof gateSchema>
/** `POST /gates/:id/decide`: about the bytes with this digest, in answer to the question with this nonce. */
export const decideSchema = v.object({
  decision: v.picklist(gateDecisions.filter(decision => decision !== 'expired')),
  digest: hashSchema,
  nonce: gateNonceSchema,
  comment: v.optional(v.pipe(v.string(), v.maxLength(limits.gateCommentChars), v.regex(/^[^\0]*$/))),
  choice: v.optional(v.pipe(v.string(), v.maxLength(200))),
  form: v.optional(v.unknown()),
})
export type GateAnswer = v.InferOutput<typeof decideSchema>

/** `POST /sessions/:id/interrupt`: with `run`, only if that is what runs. */
export const interruptSchema = v.object({ run: v.optional(runIdSchema) })
/** `POST /sessions/:id/restart`: what becomes of the runs that wait for the session. */
export const restartSchema = v.object({ queued: v.optional(v.picklist(['keep', 'cancel'])) })
export const runInputSchema = v.object({
  id: v.optional(nameSchema),
  text: v.pipe(v.string(), v.maxLength(limits.inputBytes)),
})
export const cancelSchema = v.object({ reason: v.optional(v.pipe(v.string(), v.maxLength(200))) })

/** `POST /sessions/:id/complete` and `/inspect`; `cursor` counts UTF-16 units. */
export const atCursorSchema = v.object({ code: codeSchema, cursor: ms })
export const completionsSchema = v.object({
  from: ms,
  to: ms,
  items: v.array(v.object({ label: v.string(), kind: v.optional(v.string()) })),
})
export const inspectionSchema = v.object({ found: v.boolean(), text: v.string() })
export const variablesSchema = v.object({
  items: v.array(v.object({ name: v.string(), type: v.string(), size: v.optional(v.string()), preview: v.string() })),
  truncated: v.boolean(),
})
export type Completions = v.InferOutput<typeof completionsSchema>
export type Inspection = v.InferOutput<typeof inspectionSchema>
export type Variables = v.InferOutput<typeof variablesSchema>

/** One event of `GET /events` (SSE; the SSE event name is `type`). */
export const hubEventSchema = v.variant('type', [
  v.object({ type: v.literal('devices'), devices: v.array(deviceInfoSchema) }),
  v.object({ type: v.literal('sessions'), sessions: v.array(sessionInfoSchema) }),
  v.object({ type: v.literal('run'), run: v.omit(runSchema, ['code']) }),
  v.object({ type: v.literal('gate'), gate: gateSchema }),
  v.object({ type: v.literal('documents'), project: projectIdSchema }),
  v.object({ type: v.literal('files'), project: projectIdSchema }),
  v.object({ type: v.literal('versions'), document: documentIdSchema, version: ms }),
  v.object({ type: v.literal('projects') }),
  /** Once each time that a device goes offline; `at` is when it was heard last. */
  v.object({ type: v.literal('device-offline'), device: deviceIdSchema, name: nameSchema, at: ms }),
  v.object({ type: v.literal('storage'), ok: v.boolean(), detail: v.string() }),
  /** A device was shut out without anybody asking for it. */
  v.object({ type: v.literal('revoked'), device: deviceIdSchema, name: nameSchema, reason: v.string() }),
])
export type HubEvent = v.InferOutput<typeof hubEventSchema>

export const listOf = <S extends v.GenericSchema>(item: S) =>
  v.object({ items: v.array(item), next: v.optional(v.string()) })
export interface List<T> {
  items: T[]
  next?: string
}
