/** Gives the browser a file to save. */
const handedOutMs = 30_000

export function handOut(name: string, content: Blob): void {
  const url = URL.createObjectURL(content)
  Object.assign(document.createElement('a'), { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), handedOutMs)
}
