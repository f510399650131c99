/** The screen that pairs, over the page. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { pairDialogOpen } from './pair-dialog-open.ts'
import { Pairings } from './pairings.tsx'

export function PairDialog() {
  return pairDialogOpen.value ? <OpenDialog /> : null
}

function OpenDialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = () => {
    pairDialogOpen.value = false
  }
  return (
    <dialog ref={dialog} class="dialog pair" aria-labelledby="pair-title" onClose={close}>
      <div class="dialog-body">
        <h2 id="pair-title">Pair a device</h2>
        <Pairings close={() => dialog.current?.close()} />
      </div>
    </dialog>
  )
}
