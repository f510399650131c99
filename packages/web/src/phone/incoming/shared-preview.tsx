/** What was shared, before it is anywhere. */
import { useEffect, useState } from 'preact/hooks'
import { linkOf, wordsOf } from './piece.ts'
import { isImage, type Shared, type SharedFile } from './shared.ts'

export function SharedPreview({ shared }: { shared: Shared }) {
  const link = linkOf(shared)
  const words = wordsOf(shared)
  return (
    <section class="shared-preview" aria-label="What was shared">
      {shared.title !== '' && <b>{shared.title}</b>}
      {words !== '' && words !== shared.title && <p class="shared-words">{words}</p>}
      {link !== '' && <p class="shared-link">{link}</p>}
      {shared.files.length > 0 && (
        <ul class="shared-files">
          {shared.files.map(file => (
            <FileRow key={file.asset} file={file} />
          ))}
        </ul>
      )}
    </section>
  )
}

function FileRow({ file }: { file: SharedFile }) {
  const [url, setUrl] = useState('')
  useEffect(() => {
    if (!isImage(file)) return
    const made = URL.createObjectURL(file.data)
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [file.asset])
  return (
    <li>
      {url !== '' && <img src={url} alt={file.name} />}
      <span class="about">
        {file.name} · {sizeOf(file.bytes)}
      </span>
    </li>
  )
}

const sizeOf = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`
