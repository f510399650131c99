/** A secret of the settings: itself, or the file that it is in. What it opens is not known here, and no message repeats it. */
import { readFile } from 'node:fs/promises'
import { MeshError } from '@meshbook/core/errors.ts'

/** Null where there is none. */
export type SecretSource = { text: string } | { file: string; setting: string } | null

/** One of two settings at most. */
export function secretSource(
  { name, text }: { name: string; text: string | undefined },
  { name: setting, file }: { name: string; file: string | undefined },
): SecretSource {
  if (text && file)
    throw new MeshError('BAD_CONFIG', { detail: `${name}: expected nothing, because ${setting} is set` })
  if (file) return { file, setting }
  return text ? { text } : null
}

export async function readSecret(source: SecretSource): Promise<string | null> {
  if (source === null || 'text' in source) return source?.text ?? null
  const secret = (await readSettingFile(source)).trim()
  if (secret === '') throw new MeshError('BAD_CONFIG', { detail: `${source.setting}: ${source.file} is empty` })
  return secret
}

export async function readSettingFile({ file, setting }: { file: string; setting: string }): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MeshError('BAD_CONFIG', { detail: `${setting}: ${file} cannot be read`, cause })
  })
}
