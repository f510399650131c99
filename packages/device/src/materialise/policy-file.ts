/** Which projects get a folder on this device by themselves: one word in a file, so that commands can set it beforehand too. */
import { join } from 'node:path'
import { type ProjectsPolicy, projectsPolicySchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import * as v from 'valibot'
import { readPrivate, writeWhole } from '../keys/whole-file.ts'

const fileSchema = v.pipe(v.string(), v.parseJson(), v.object({ policy: projectsPolicySchema }))
const fileOf = (folder: string): string => join(folder, 'projects.json')

/** BAD_CONFIG for a file that says something else: a folder for everything must not come from a damaged file. */
export async function readProjectsPolicy(folder: string): Promise<ProjectsPolicy> {
  const text = await readPrivate(fileOf(folder))
  if (text === undefined) return 'ask'
  const parsed = v.safeParse(fileSchema, text)
  if (parsed.success) return parsed.output.policy
  throw new MeshError('BAD_CONFIG', {
    detail: `${fileOf(folder)} is damaged; set it again with \`meshbook up --projects ask\``,
  })
}

export function writeProjectsPolicy(folder: string, policy: ProjectsPolicy): Promise<void> {
  return writeWhole(fileOf(folder), `${JSON.stringify({ policy })}\n`)
}
