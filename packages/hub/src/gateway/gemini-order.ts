/**
 * What a request of Gemini's format may hold (GW14), and the most of it that is read and made (GW20). Pure. The provider
 * takes each field under two names: only the one of the reference is let through, so that no bound has another name.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { ModelPrice } from '@meshbook/core/model-prices.ts'
import * as v from 'valibot'

const count = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)))
const json = v.record(v.string(), v.unknown())
const number = v.optional(v.number())
const part = v.strictObject({
  text: v.optional(v.string()),
  thought: v.optional(v.boolean()),
  thoughtSignature: v.optional(v.string()),
  functionCall: v.optional(json),
  functionResponse: v.optional(
    v.strictObject({ id: v.optional(v.string()), name: v.optional(v.string()), response: v.optional(json) }),
  ),
  inlineData: v.optional(v.strictObject({ mimeType: v.string(), data: v.string() })),
})
const content = v.strictObject({ role: v.optional(v.string()), parts: v.optional(v.array(part)) })
const bodySchema = v.strictObject({
  contents: v.array(content),
  systemInstruction: v.optional(content),
  tools: v.optional(v.array(v.strictObject({ functionDeclarations: v.optional(v.array(json)) }))),
  toolConfig: v.optional(v.strictObject({ functionCallingConfig: v.optional(json) })),
  safetySettings: v.optional(v.array(json)),
  generationConfig: v.optional(
    v.strictObject({
      stopSequences: v.optional(v.array(v.string())),
      responseMimeType: v.optional(v.picklist(['text/plain', 'application/json', 'text/x.enum'])),
      responseSchema: v.optional(v.unknown()),
      responseJsonSchema: v.optional(v.unknown()),
      responseModalities: v.optional(v.array(v.literal('TEXT'))),
      candidateCount: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(8))),
      maxOutputTokens: count,
      temperature: number,
      topP: number,
      topK: number,
      seed: number,
      presencePenalty: number,
      frequencyPenalty: number,
      responseLogprobs: v.optional(v.boolean()),
      logprobs: number,
      thinkingConfig: v.optional(json),
    }),
  ),
})
type Body = v.InferOutput<typeof bodySchema>

export interface GeminiBounds {
  /** What is sent, and what of it is counted by its bytes. */
  body: Body
  counted: Body
  /** For what has a measure of its own. */
  addedTokens: number
  /** A document may have as much as fits. */
  isOpen: boolean
  outputTokens: number
  tools: number
}

export function geminiBounds(given: unknown, price: ModelPrice): GeminiBounds {
  const parsed = v.safeParse(bodySchema, given)
  if (!parsed.success) {
    const [issue] = parsed.issues
    const what = v.getDotPath(issue) ?? 'body'
    const why =
      issue.expected === 'never' ? 'is not possible here: it is unknown, or costs more than tokens' : issue.message
    throw new MeshError('BAD_REQUEST', { detail: `${what}: ${why}` })
  }
  const body = parsed.output
  const files = [...body.contents, ...(body.systemInstruction ? [body.systemInstruction] : [])].flatMap(
    ({ parts = [] }) => parts.flatMap(({ inlineData }) => (inlineData ? [inlineData.mimeType] : [])),
  )
  for (const type of files)
    if (!/^(?:image|text)\/|^application\/pdf$/.test(type))
      throw new MeshError('BAD_REQUEST', {
        detail: `${type} is not possible here, because its cost is not told in tokens`,
      })
  const { maxOutputTokens = price.outputTokens, candidateCount = 1 } = body.generationConfig ?? {}
  return {
    body,
    counted: { ...body, contents: body.contents.map(withoutPictures) },
    addedTokens: files.filter(type => type.startsWith('image/')).length * price.imageTokens,
    isOpen: files.includes('application/pdf'),
    outputTokens: maxOutputTokens * candidateCount,
    tools: (body.tools ?? []).reduce((sum, { functionDeclarations = [] }) => sum + functionDeclarations.length, 0),
  }
}

function withoutPictures({ parts = [], ...rest }: Body['contents'][number]): Body['contents'][number] {
  const kept = parts.map(one =>
    one.inlineData?.mimeType.startsWith('image/') ? { ...one, inlineData: { ...one.inlineData, data: '' } } : one,
  )
  return { ...rest, parts: kept }
}
