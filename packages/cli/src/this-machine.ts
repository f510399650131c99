/** What every command may ask of the machine that it runs on; loads neither hub nor device. */
import { mkdir } from 'node:fs/promises'
import { hostname, platform } from 'node:os'
import { MeshError } from '@meshbook/core/errors.ts'

export async function privateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new MeshError('READ_ONLY_FOLDER', { detail: folder, cause })
  }
}

/** The name people see for this machine, until they rename it. */
export function machineName(): string {
  const name = hostname().replace(/\.(local|lan|home)$/, '')
  return name || { darwin: 'Mac', win32: 'Windows PC' }[platform() as string] || 'Linux machine'
}
