/**
 * Models that the hub pays for, for steps that run on this machine: its gateway stands where the providers do, and a token
 * that can ask models and nothing else, up to the budget of the file, where their keys do. The token ends with the command.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { modelKeySchema } from '@meshbook/core/models-api.ts'
import type { Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { ApiClient, findHub } from '../api-client.ts'
import type { DataFolder } from '../data-folder.ts'

export async function withHubsModels<T>(
  folder: DataFolder,
  { name, budget }: Workflow,
  act: (env: NodeJS.ProcessEnv) => Promise<T>,
): Promise<T> {
  const found = await findHub({}, folder).catch(thrown => {
    throw withSwitch(asMeshError(thrown))
  })
  const client = new ApiClient(found)
  const asked = {
    name: `workflow ${name}`.slice(0, 100),
    ...(budget && { budget: { microUsd: toMicroUsd(budget.usd) } }),
  }
  const { id, token } = await client.post('/model-keys', asked, modelKeySchema).catch(thrown => {
    throw withSwitch(asMeshError(thrown))
  })
  const gateway = `${found.hub}/gateway`
  try {
    return await act({
      ...process.env,
      ANTHROPIC_BASE_URL: `${gateway}/anthropic`,
      ANTHROPIC_API_KEY: token,
      GOOGLE_GEMINI_BASE_URL: `${gateway}/gemini`,
      GEMINI_API_KEY: token,
      OPENAI_BASE_URL: `${gateway}/openai/v1`,
      OPENAI_API_KEY: token,
    })
  } finally {
    await client.send('DELETE', `/tokens/${encodeURIComponent(id)}`)
  }
}

const toMicroUsd = (usd: number): number => Math.round(usd * 1_000_000)

function withSwitch(error: MeshError): MeshError {
  if (error.code !== 'UNREACHABLE') return error
  const detail = `${error.detail ?? 'no hub answers'}; \`--inference byok\` uses your own keys`
  return new MeshError('UNREACHABLE', { detail, cause: error })
}
