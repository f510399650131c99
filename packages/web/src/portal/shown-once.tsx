/** Something that can be copied, and a secret that is shown once. */
import { useState } from 'preact/hooks'

export function Copied({ label, text }: { label: string; text: string }) {
  const [said, setSaid] = useState('')
  const copy = () =>
    void navigator.clipboard.writeText(text).then(
      () => setSaid('Copied'),
      () => setSaid('Not copied: select it instead'),
    )
  return (
    <div class="copied">
      <span class="faint">{label}</span>
      <code>{text}</code>
      <button type="button" class="button" aria-label={`Copy ${label.toLowerCase()}`} onClick={copy}>
        {said === 'Copied' ? 'Copied' : 'Copy'}
      </button>
      <span class={said === 'Copied' || said === '' ? 'visually-hidden' : 'faint'} role="status">
        {said}
      </span>
    </div>
  )
}
