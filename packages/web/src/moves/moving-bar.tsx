/** How far a session is that is being saved, moved or restored (SW4). */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { type Moving, movingWords, shareOf } from '@meshbook/core/session-words.ts'
import { deviceById } from '../state/mesh.ts'
import { followed } from './followed-moves.ts'
import { cancelMove } from './move-actions.ts'

/** What the hub says of it, or else that it was asked for here. */
export function movingOf(session: SessionInfo): Moving | undefined {
  if (session.moving) return session.moving
  const asked = followed.value.get(session.id)
  if (!asked) return undefined
  const phase = asked.state === 'saving' ? 'saving' : asked.state === 'restoring' ? 'fetch' : 'waiting'
  return { move: asked.id, to: asked.to, phase, done: 0, total: 0 }
}

export function MovingBar({ moving }: { moving: Moving }) {
  const target = moving.to === null ? undefined : deviceById.value.get(moving.to)
  const share = shareOf(moving)
  const { move } = moving
  return (
    <div class="moving">
      <span class="moving-words tabular">
        {movingWords(moving)}
        {target && <span class="faint"> on {target.name}</span>}
      </span>
      <progress value={share} max={1} aria-label={`Restoring the session${target ? ` on ${target.name}` : ''}`} />
      {/* Each phase is told once; the numbers are only seen. */}
      <span class="visually-hidden" aria-live="polite">
        {movingWords({ ...moving, total: 0 })}
      </span>
      {move !== undefined && (
        <button type="button" class="button small" onClick={() => cancelMove(move)}>
          Cancel
        </button>
      )}
    </div>
  )
}
