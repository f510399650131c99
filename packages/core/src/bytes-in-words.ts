/** `12.4 MB`, for people, in powers of a thousand. */
export function bytesInWords(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${(bytes / 1000 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`
}
const units = ['B', 'KB', 'MB', 'GB', 'TB']
