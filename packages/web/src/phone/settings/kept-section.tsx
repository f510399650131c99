/** The room that this app takes on the phone. */
import { useEffect, useState } from 'preact/hooks'

export function KeptSection() {
  const [bytes, setBytes] = useState<number | undefined>(undefined)
  useEffect(() => {
    // Some browsers do not say; then nothing is claimed.
    navigator.storage?.estimate?.().then(
      ({ usage }) => setBytes(usage),
      () => undefined,
    )
  }, [])
  if (bytes === undefined) return null
  return (
    <section>
      <h2>On this phone</h2>
      <div class="rows">
        <p class="row">
          <span class="words">Room that Meshbook takes</span>
          <span class="count">{bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`}</span>
        </p>
      </div>
    </section>
  )
}
