/**
 * Serves a workspace over two streams of lines (TW10, TW11): what is asked on one is answered on the other. A line that is
 * not understood is dropped; whoever sent it waits for an answer as long as it likes.
 */
import type { Readable, Writable } from 'node:stream'
import { asMeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunningCommand, Workspace } from '@meshbook/engine/agent/workspace.ts'
import * as v from 'valibot'
import { LineReader } from './line-reader.ts'
import { ModelsPort } from './models-port.ts'
import {
  type FromHost,
  type ToHost,
  toHostSchema,
  toolLineBytes,
  toolPieceBytes,
  toolUnreadBytes,
} from './tool-wire.ts'

interface Served {
  command: RunningCommand | undefined
  stop: AbortController
  unread: number
  readMore: (() => void) | undefined
}

const lineSchema = v.pipe(v.string(), v.parseJson(), toHostSchema)

/** Resolves when nothing more can be asked. */
export function serveWorkspace(workspace: Workspace, gitPort: number, from: Readable, to: Writable): Promise<void> {
  const commands = new Map<number, Served>()
  const tell = (message: FromHost): void => void to.write(`${JSON.stringify(message)}\n`)
  let carrier = 1
  const models = new ModelsPort(message =>
    tell({ is: 'carried', id: carrier, base64: Buffer.from(message).toString('base64') }),
  )
  const reader = new LineReader(toolLineBytes, line => {
    const parsed = v.safeParse(lineSchema, line)
    if (parsed.success) void answer(parsed.output)
  })
  // Whatever a host before this one left unfinished ends here.
  to.write('\n')
  tell({ is: 'here', gitPort, root: workspace.root })
  from.on('data', (piece: Buffer) => reader.add(piece))
  return new Promise((resolve, reject) => {
    from.once('end', resolve)
    from.once('error', reject)
    to.once('error', reject)
  })

  async function answer(asked: ToHost): Promise<void> {
    try {
      await act(asked)
    } catch (thrown) {
      const error = asMeshError(thrown)
      tell({ is: 'failed', id: asked.id, code: error.code, detail: error.message.slice(0, limits.problemTextChars) })
    }
  }

  async function act(asked: ToHost): Promise<void> {
    const { id } = asked
    const served = commands.get(id)
    switch (asked.do) {
      case 'read':
        return tell({ is: 'bytes', id, base64: Buffer.from(await workspace.read(asked.path)).toString('base64') })
      case 'write':
        await workspace.write(asked.path, Buffer.from(asked.base64, 'base64'))
        return tell({ is: 'done', id })
      case 'list':
        return tell({ is: 'entries', id, ...(await workspace.list(asked.path, asked)) })
      case 'start':
        return start(asked)
      case 'input':
        if (asked.base64 === null) served?.command?.closeInput()
        else await served?.command?.write(Buffer.from(asked.base64, 'base64'))
        return
      case 'kill':
        // Before it has started there is nothing to be asked to end.
        if (served?.command) served.command.kill()
        else served?.stop.abort()
        return
      case 'more':
        if (!served) return
        served.unread = Math.max(0, served.unread - asked.bytes)
        served.readMore?.()
        return
      case 'models':
        carrier = id
        return tell({ is: 'port', id, port: await models.open() })
      case 'carry':
        if (id === carrier) models.take(Buffer.from(asked.base64, 'base64'))
    }
  }

  async function start({ id, argv, cwd, env }: Extract<ToHost, { do: 'start' }>): Promise<void> {
    if (commands.has(id)) return
    const served: Served = { command: undefined, stop: new AbortController(), unread: 0, readMore: undefined }
    commands.set(id, served)
    try {
      const asked = { argv, ...(cwd !== undefined && { cwd }), ...(env && { env }) }
      served.command = await workspace.start(asked, served.stop.signal)
      tell({ is: 'started', id })
      for await (const { stream, bytes } of served.command.output) await pass(id, served, stream, bytes)
      tell({ is: 'ended', id, ...(await served.command.ended) })
    } finally {
      commands.delete(id)
    }
  }

  async function pass(id: number, served: Served, stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += toolPieceBytes) {
      const piece = bytes.subarray(at, at + toolPieceBytes)
      while (served.unread > toolUnreadBytes)
        await new Promise<void>(resolve => {
          served.readMore = resolve
        })
      served.unread += piece.byteLength
      tell({ is: 'output', id, stream, base64: Buffer.from(piece).toString('base64') })
    }
  }
}
