/** A worker that reads a file of another format: a large one takes seconds, in which the page must not stand still. */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { type Imported, importFile } from '@meshbook/core/formats/convert.ts'
import { loadYaml } from '../notebook/yaml-when-needed.ts'

export interface ImportQuestion {
  name: string
  file: Blob
}
export type ImportReply = { imported: Imported } | { problem: { code: ErrorCode; detail: string } }

addEventListener('message', ({ data }: MessageEvent<ImportQuestion>) => void reply(data))

async function reply({ name, file }: ImportQuestion): Promise<void> {
  try {
    await loadYaml()
    const imported = importFile(name, new Uint8Array(await file.arrayBuffer()))
    postMessage({ imported } satisfies ImportReply)
  } catch (thrown) {
    const code = thrown instanceof MeshError ? thrown.code : 'INTERNAL'
    const detail = thrown instanceof MeshError ? (thrown.detail ?? '') : String(thrown)
    postMessage({ problem: { code, detail } } satisfies ImportReply)
  }
}
