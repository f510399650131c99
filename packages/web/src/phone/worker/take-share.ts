/**
 * Another app shared something to this one: the system sends it as a form (PH61). It is stored here and shown; where it
 * goes the user says, so that a page of the web that sends such a form changes nothing (PH65).
 */
import { limits } from '@meshbook/core/limits.ts'
import { type Shared, type SharedFile, tooMuch } from '../incoming/shared.ts'

export const sharePath = '/m/share'

export interface SharePorts {
  add(shared: Shared): Promise<void>
  newId(): string
  now(): number
}

/** Always leads to a page that says what became of it. */
export async function takeShare(request: Request, ports: SharePorts): Promise<Response> {
  const to = await taken(request, ports).catch(() => 'problem=not-stored')
  return new Response(null, { status: 303, headers: { location: `${sharePath}?${to}` } })
}

async function taken(request: Request, { add, newId, now }: SharePorts): Promise<string> {
  if (Number(request.headers.get('content-length')) > limits.phoneShareBytes * 2) return 'problem=bytes'
  const form = await request.formData()
  const [title, text, url] = ['title', 'text', 'url'].map(name => textIn(form, name)) as [string, string, string]
  const files = form.getAll('files').filter(file => typeof file !== 'string' && file.size > 0) as File[]
  const problem = tooMuch([title, text, url], files)
  if (problem) return `problem=${problem}`
  if ([title, text, url].join('').trim() === '' && files.length === 0) return 'problem=empty'
  const id = newId()
  await add({ id, at: now(), title, text, url, files: await Promise.all(files.map(fileOf)) })
  return `id=${id}`
}

function textIn(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value : ''
}

async function fileOf(file: File): Promise<SharedFile> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))
  const hex = [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('')
  return { name: file.name || 'file', type: file.type, bytes: file.size, asset: `sha256-${hex}`, data: file }
}
