/** The formats in which models are asked over a wire, and which of them a model speaks by its name. */
export const modelWires = ['anthropic', 'openai', 'gemini'] as const
export type ModelWire = (typeof modelWires)[number]

/** `openai:` before a name says so of a model of any server; undefined where a name says nothing. */
export function wireNamed(model: string): ModelWire | undefined {
  if (/^(?:openai:|gpt-|chatgpt-|o\d)/.test(model)) return 'openai'
  if (model.startsWith('gemini-')) return 'gemini'
  return model.startsWith('claude') ? 'anthropic' : undefined
}
