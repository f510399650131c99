/** Where the providers of models are, and what their models cost, from the settings. Reads no file and opens nothing. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type GivenPrice, modelPriceSchema } from '@meshbook/core/model-prices.ts'
import type { ModelWire } from '@meshbook/core/model-wires.ts'
import * as v from 'valibot'

export interface ModelsConfig {
  /** Null: the provider's own address. One that is set here may be in a private network. */
  addresses: Readonly<Record<ModelWire, string | null>>
  /** In place of the listed price, by the name of the model. */
  prices: Readonly<Record<string, GivenPrice>>
}

export const modelsSettings = {
  MESHBOOK_ANTHROPIC_URL: 'where the Anthropic API is (https://api.anthropic.com)',
  MESHBOOK_OPENAI_URL: 'where the OpenAI API is (https://api.openai.com/v1)',
  MESHBOOK_GEMINI_URL: 'where the Gemini API is (https://generativelanguage.googleapis.com)',
  MESHBOOK_MODEL_PRICES:
    'prices of models as JSON, in dollars per million tokens: {"my-model": {"input": 1, "output": 2}}',
} as const
type ModelsSetting = keyof typeof modelsSettings

const pricesSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), modelPriceSchema))

export function parseModels(setting: (name: ModelsSetting) => string | undefined): ModelsConfig {
  const prices = v.safeParse(pricesSchema, setting('MESHBOOK_MODEL_PRICES') ?? '{}')
  if (!prices.success) throw bad('MESHBOOK_MODEL_PRICES', 'JSON such as {"my-model": {"input": 1, "output": 2}}')
  const address = (name: ModelsSetting): string | null => {
    const text = setting(name)
    if (text === undefined) return null
    if (isProviderAddress(text)) return text
    throw bad(name, 'an http(s) address such as https://models.example/v1')
  }
  return {
    addresses: {
      anthropic: address('MESHBOOK_ANTHROPIC_URL'),
      openai: address('MESHBOOK_OPENAI_URL'),
      gemini: address('MESHBOOK_GEMINI_URL'),
    },
    prices: prices.output,
  }
}

/** Http(s), and nothing of a credential in it. */
export function isProviderAddress(text: string): boolean {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}

function bad(name: ModelsSetting, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${name}: expected ${expected}` })
}
