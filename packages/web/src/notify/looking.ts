/** Says while the page is in front of its user that it is, so that nobody is told of what they look at (NT2). */
import { limits } from '@meshbook/core/limits.ts'
import { notifyApi } from '../api/notify.ts'

export function keepLooking(page: Document): () => void {
  let timer: ReturnType<typeof setInterval> | undefined
  // That it was not heard costs at most a message too many.
  const tell = (visible: boolean) => void notifyApi.looking(visible).catch(() => undefined)
  const follow = () => {
    clearInterval(timer)
    const visible = page.visibilityState === 'visible'
    tell(visible)
    if (visible) timer = setInterval(() => tell(true), limits.lookingMs / 2)
  }
  page.addEventListener('visibilitychange', follow)
  follow()
  return () => {
    clearInterval(timer)
    page.removeEventListener('visibilitychange', follow)
  }
}
