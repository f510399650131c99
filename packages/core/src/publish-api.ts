/** What the hub says and takes about published documents, as its routes, the page and the command line use it. */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { documentIdSchema, projectIdSchema } from './messages.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const version = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

/** `continuous`: readers see the document as it is; `pinned`: one version of it, which history then keeps. */
export const publishModes = ['continuous', 'pinned'] as const

/** `PUT /publications/:id`. Without a version a pinned one is the document as it is now. */
export const publishSchema = v.object({
  mode: v.picklist(publishModes),
  version: v.optional(version),
  /** Whether search engines may list it; not unless somebody says so, and then until somebody says otherwise. */
  indexed: v.optional(v.boolean()),
})
export type PublishRequest = v.InferOutput<typeof publishSchema>

export const publicationSchema = v.object({
  document: documentIdSchema,
  project: projectIdSchema,
  /** Of the document; null while it is deleted, when nobody can read the page either. */
  path: v.nullable(v.string()),
  mode: v.picklist(publishModes),
  version: v.nullable(version),
  indexed: v.boolean(),
  /** Name of the user who published it. */
  by: v.pipe(v.string(), v.maxLength(limits.nameChars)),
  publishedAt: count,
  changedAt: count,
  /** Where readers find it. */
  url: v.string(),
})
export type Publication = v.InferOutput<typeof publicationSchema>

/** `GET /publications/:id`; `null` where the document is not published. */
export const publicationStateSchema = v.object({ publication: v.nullable(publicationSchema) })
export type PublicationState = v.InferOutput<typeof publicationStateSchema>
