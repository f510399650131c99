/** The header that makes an answer a download, whatever the name holds (RFC 6266, RFC 8187). Pure. */

const mostChars = 200
/** What a header, a file system or a reader of names could take for something else. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}"%\\/:*?<>|]/gu

export function attachmentNamed(text: string): string {
  const last = text.toWellFormed().slice(text.lastIndexOf('/') + 1)
  const name = shortened(last.replaceAll(unsafe, '_')).replace(/^\.+|[. ]+$/g, '') || 'file'
  const ascii = name.replaceAll(/[^\x20-\x7e]/g, '_')
  const extended = encodeURIComponent(name).replaceAll(/['()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${ascii}"${ascii === name ? '' : `; filename*=UTF-8''${extended}`}`
}

/** The ending stays: it decides which program opens the file. */
function shortened(name: string): string {
  const characters = [...name]
  if (characters.length <= mostChars) return name
  const ending = /\.[^.]{1,20}$/.exec(name)?.[0] ?? ''
  return (
    characters
      .slice(0, mostChars - ending.length)
      .join('')
      .toWellFormed() + ending
  )
}
