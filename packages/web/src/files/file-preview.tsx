/** The content of a file: an image as an image, text as text, and nothing of it ever as a page (W40). */
import type { FileInfo } from '@meshbook/core/api.ts'
import { bytesInWords } from '@meshbook/core/bytes-in-words.ts'
import { limits } from '@meshbook/core/limits.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { assetUrl } from '../api/asset-addresses.ts'
import { requestStart } from '../api/http.ts'
import { OutputImage } from '../notebook/output-image.tsx'
import { nameOf } from '../shell/file-tree.ts'
import { textOf } from './file-text.ts'

type Preview =
  | { is: 'loading' | 'image' | 'none' | 'too large' }
  | { is: 'text'; text: string }
  | { is: 'failed'; error: ApiError }

export function FilePreview({ file }: { file: FileInfo }) {
  const [preview, setPreview] = useState<Preview>({ is: 'loading' })
  const [tries, setTries] = useState(0)
  useEffect(() => {
    const stop = new AbortController()
    setPreview({ is: 'loading' })
    void previewOf(file, stop.signal)
      .catch((thrown): Preview => ({ is: 'failed', error: asApiError(thrown) }))
      .then(next => stop.signal.aborted || setPreview(next))
    return () => stop.abort()
  }, [file.asset, tries])
  switch (preview.is) {
    case 'loading':
      return <div class="file-waiting" role="status" aria-label="Loading the file" />
    case 'image':
      return <OutputImage url={assetUrl(file.asset)} name={file.asset} alt={nameOf(file.path)} />
    case 'text':
      return <FileText file={file} text={preview.text} />
    case 'failed':
      return (
        <div class="empty boxed" role="alert">
          <h2>{preview.error.message}</h2>
          <p>{preview.error.hint}</p>
          <button type="button" class="button" onClick={() => setTries(tries + 1)}>
            Try again
          </button>
        </div>
      )
    default:
      return (
        <div class="empty boxed">
          <h2>No preview</h2>
          <p>
            {preview.is === 'none'
              ? 'This kind of file cannot be shown here.'
              : 'This image is too large to be shown here.'}{' '}
            Download it to open it.
          </p>
        </div>
      )
  }
}

async function previewOf(file: FileInfo, signal: AbortSignal): Promise<Preview> {
  if (file.bytes === 0) return { is: 'text', text: '' }
  const [type, start] = await requestStart(`/assets/${file.asset}`, limits.filePreviewBytes, signal)
  if (type.startsWith('image/')) return { is: file.bytes > limits.displayBytes ? 'too large' : 'image' }
  const text = textOf(start, file.bytes > start.byteLength)
  return text === undefined || start.byteLength === 0 ? { is: 'none' } : { is: 'text', text }
}

function FileText({ file, text }: { file: FileInfo; text: string }) {
  if (file.bytes === 0) return <p class="muted">The file is empty.</p>
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="file-text" tabIndex={0} aria-label={`Text of ${nameOf(file.path)}`}>
        <pre>{text}</pre>
      </section>
      {file.bytes > limits.filePreviewBytes && (
        <p class="muted">
          The first {bytesInWords(limits.filePreviewBytes)} of {bytesInWords(file.bytes)}. Download the file for the
          rest.
        </p>
      )}
    </>
  )
}
