/** Whether and how this app can be put on the home screen here. Pure (PH62). */
export interface InstallWorld {
  userAgent: string
  /** It runs from the home screen already. */
  isStandalone: boolean
  hasOffer: boolean
  touchPoints: number
}

/** `steps`: the browser asks nobody, the user does it by its menu. */
export function howToInstall({
  userAgent,
  isStandalone,
  hasOffer,
  touchPoints,
}: InstallWorld): 'offer' | 'steps' | undefined {
  if (isStandalone) return undefined
  if (hasOffer) return 'offer'
  // An iPad says that it is a Mac.
  const isApple = /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && touchPoints > 1)
  return isApple ? 'steps' : undefined
}
