/** Text to where HTML is expected. The one place that knows which characters mean something there. */

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, char => replacements[char]!)

const replacements: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
