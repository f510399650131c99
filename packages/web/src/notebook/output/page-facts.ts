/** What frames have to know of the page around them. */
import { useEffect, useState } from 'preact/hooks'
import { isDark, theme } from '../../state/theme.ts'

/** The nonce that the hub gave this page's scripts; without one, scripts of outputs do not run. */
export function pageNonce(): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')
  return meta?.nonce ?? ''
}

/** A document that nothing runs in and that fetches nothing. */
export const parseHtml = (html: string): Document => new DOMParser().parseFromString(html, 'text/html')

/** Whether the page is dark, also when the system changes its mind. */
export function useDark(): boolean {
  const [, setDark] = useState(isDark())
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)')
    const changed = () => setDark(isDark())
    media.addEventListener('change', changed)
    return () => media.removeEventListener('change', changed)
  }, [])
  // Read here, so that a choice of the user draws anew as well.
  return theme.value === 'system' ? isDark() : theme.value === 'dark'
}
