/** Shared from the app by the system's sheet, or copied where there is none (PH61). */
import { tell } from './said.ts'
import { say } from './say.ts'

export interface Shared {
  title: string
  text?: string
  url?: string
  files?: File[]
}

export async function share(what: Shared): Promise<void> {
  try {
    if (typeof navigator.share === 'function' && navigator.canShare?.(what) !== false) await navigator.share(what)
    else await copy(what)
  } catch (thrown) {
    // The user closed the sheet.
    if ((thrown as Error).name !== 'AbortError') say(thrown, 'It was not shared')
  }
}

async function copy({ title, text, url, files }: Shared): Promise<void> {
  const [file] = files ?? []
  if (file?.type === 'image/png') await navigator.clipboard.write([new ClipboardItem({ [file.type]: file })])
  else await navigator.clipboard.writeText(url ?? text ?? title)
  tell('Copied', file ? 'The picture is in the clipboard.' : url ? 'The link is in the clipboard.' : '')
}

/** The picture of an output, as a file. */
export async function shareImage(url: string, name: string): Promise<void> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) })
    const bytes = await answer.blob()
    const type = bytes.type || 'image/png'
    await share({ title: name, files: [new File([bytes], `${name}.${type.split('/')[1]}`, { type })] })
  } catch (thrown) {
    say(thrown, 'It was not shared')
  }
}
