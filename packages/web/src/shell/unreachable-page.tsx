/** The hub did not answer when the page was opened. Tries again by itself. */
import { limits } from '@meshbook/core/limits.ts'
import { useEffect } from 'preact/hooks'
import { startMesh } from '../state/mesh.ts'
import { Icon } from './icons.tsx'

const retryMs = limits.reconnectMaxMs / 10

export function UnreachablePage() {
  useEffect(() => {
    const timer = setInterval(() => void startMesh(), retryMs)
    return () => clearInterval(timer)
  }, [])
  return (
    <main id="main" class="signin" tabIndex={-1}>
      <div class="signin-card">
        <Icon name="offline" size={36} />
        <h1>The hub does not answer</h1>
        <p class="muted">Check that Meshbook is running on its machine. This page goes on by itself when it is back.</p>
        <p class="row muted" role="status">
          <Icon name="spinner" class="spin" />
          Trying again…
        </p>
      </div>
    </main>
  )
}
