/** The plan of an image: what its parts are. Parsed when it comes back; it never names a path outside of its folder. */
import { partIdSchema } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const parts = v.pipe(v.array(partIdSchema), v.maxLength(12_000))
/** Of a process among those of a capture: `root`, `p` and its number, or `s` and that of a shared memory. */
const keySchema = v.pipe(v.string(), v.regex(/^(root|p\d{1,10}|s\d{1,20})$/))
/** Of a file of an image. */
const imageNameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/))
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))

const pathSchema = v.pipe(
  v.string(),
  v.maxLength(4_096),
  v.check(
    path =>
      path.startsWith('/') && !/[\0\n]/.test(path) && !path.split('/').some(name => name === '.' || name === '..'),
    'not a plain path from the root',
  ),
)

/** What the pages of a capture are made of: a whole one, then what changed from one to the next. */
export const chainSchema = v.object({
  keys: v.pipe(v.array(keySchema), v.maxLength(10_000)),
  /** A part (or several) with the list of parts of the whole one, as there may be hundreds. */
  base: parts,
  baseBytes: count,
  deltas: v.array(v.object({ parts, bytes: count })),
  /** The small files of each capture, packed; each compressed with the one before as its dictionary. */
  others: v.array(parts),
})
export type Chain = v.InferOutput<typeof chainSchema>

export const imagePlanSchema = v.object({
  format: v.literal('meshbook-image-1'),
  chain: chainSchema,
  pages: v.array(v.object({ key: keySchema, file: imageNameSchema })),
  large: v.array(v.object({ name: imageNameSchema, bytes: count, parts })),
  /** The list of files that are mapped or open. */
  files: parts,
  /** Of a copy that waits for `resume.json` there; else of the kernel itself. */
  watches: v.nullable(pathSchema),
  /** It is the first process of a pid namespace of its own. */
  ownNamespace: v.boolean(),
  rootPid: count,
  mostPid: count,
  kernel: v.object({
    name: v.pipe(v.string(), v.maxLength(200)),
    address: v.pipe(v.string(), v.ip()),
    port: v.pipe(count, v.maxValue(65_535)),
    token: v.pipe(v.string(), v.maxLength(200)),
    /** As the session sees it. */
    scratch: v.union([v.literal(''), pathSchema]),
  }),
  /** Where the session sees its project, that of the device where it was saved first. */
  projectPaths: v.pipe(v.array(pathSchema), v.minLength(1), v.maxLength(50)),
  folders: v.array(pathSchema),
})
export type ImagePlan = v.InferOutput<typeof imagePlanSchema>

const fileEntry = { path: pathSchema, bytes: count, mode: count, sha256: hash, parts }
export const fileListSchema = v.object({
  /** Mapped, or of the system: they are shown to the session in the place of others, nobody else sees them. */
  closure: v.array(v.object(fileEntry)),
  /** Put back where they were. */
  open: v.array(v.object({ ...fileEntry, ofSession: v.boolean() })),
  fifos: v.array(pathSchema),
})
export type FileList = v.InferOutput<typeof fileListSchema>
export type ListedFile = FileList['closure'][number]
export type OpenFile = FileList['open'][number]
/** Parts of a plan that decode to a list of parts. */
export const partListSchema = parts
