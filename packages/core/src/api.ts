/**
 * Shapes of the HTTP API under /api/v1, for the hub's handlers, the OpenAPI document and every client.
 * Bodies are checked with these schemas on both sides; lists are `{items, next?}` with an opaque cursor.
 */
import * as v from 'valibot'
import { policyChangeSchema } from './device-policy.ts'
import { limits } from './limits.ts'
import {
  cellRefSchema,
  codeSchema,
  deviceIdSchema,
  deviceInfoSchema,
  documentIdSchema,
  fenceSchema,
  hashSchema,
  languageSchema,
  nameSchema,
  projectIdSchema,
  runIdSchema,
  sessionIdSchema,
  sessionInfoSchema,
} from './messages.ts'
import { runErrorSchema, runKinds } from './run.ts'
import { normalPath } from './tree.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

export const roles = ['viewer', 'runner', 'editor', 'owner'] as const
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
})
export type Me = v.InferOutput<typeof meSchema>

/** `GET|POST /projects` */
export const projectSchema = v.object({
  id: projectIdSchema,
  name: nameSchema,
  owner: nameSchema,
  tree: documentIdSchema,
  createdAt: ms,
})
export type Project = v.InferOutput<typeof projectSchema>
export const newProjectSchema = v.object({ name: v.pipe(nameSchema, v.regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u)) })

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
export const tokenSchema = v.object({ id: v.string(), name: nameSchema, token: v.optional(v.string()), createdAt: ms })

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
})
export type Run = v.InferOutput<typeof runSchema>
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
  v.object({ type: v.literal('documents'), project: projectIdSchema }),
  v.object({ type: v.literal('files'), project: projectIdSchema }),
  v.object({ type: v.literal('versions'), document: documentIdSchema, version: ms }),
  /** Once each time that a device goes offline; `at` is when it was heard last. */
  v.object({ type: v.literal('device-offline'), device: deviceIdSchema, name: nameSchema, at: ms }),
  v.object({ type: v.literal('storage'), ok: v.boolean(), detail: v.string() }),
])
export type HubEvent = v.InferOutput<typeof hubEventSchema>

export const listOf = <S extends v.GenericSchema>(item: S) =>
  v.object({ items: v.array(item), next: v.optional(v.string()) })
export interface List<T> {
  items: T[]
  next?: string
}
