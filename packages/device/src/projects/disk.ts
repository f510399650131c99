/**
 * The disk as files and documents need it: few operations, each of which a crash leaves done or not done. The shipped
 * one is `NodeDisk`; a deterministic one in memory can stand in its place. Every path is absolute and was made by
 * `safeJoin`; no operation follows a link in the last part of a path. Errors are `MeshError`s: READ_ONLY_FOLDER,
 * DISK_FULL, STORAGE_FAILED, and those that an operation names. What knows a `Disk` never imports `node:fs`.
 */

/** What tells whether a file is still the one that was read. */
export interface FileStamp {
  inode: string
  size: bigint
  modified: bigint
  changed: bigint
}

export function sameStamp(a: FileStamp | undefined, b: FileStamp | undefined): boolean {
  return a?.inode === b?.inode && a?.size === b?.size && a?.modified === b?.modified && a?.changed === b?.changed
}

export type EntryKind = 'file' | 'folder' | 'other'

export interface Looked {
  kind: EntryKind
  stamp: FileStamp
  names: number
}

/** Rights that a file passes on to the one that takes its place. */
export interface FileRights {
  mode: number
  owner: { uid: number; gid: number }
}

export interface FileContent extends FileRights {
  bytes: Uint8Array
  stamp: FileStamp
}

/**
 * `changed`: nothing was done, because `file` has another stamp. `taken`: the old file is at `aside`, but somebody made
 * another `file` before `temporary` could get the name, and `temporary` is where it was.
 */
export type Exchange = 'done' | 'changed' | 'taken'

export interface Watch {
  close(): void
}

export interface Disk {
  /** The whole file; undefined if there is none. BAD_PATH for whatever is no regular file, TOO_LARGE above the cap. */
  read(file: string, maxBytes: number): Promise<FileContent | undefined>
  /** Makes a new durable file; STORAGE_FAILED if there is one. Without `rights` those that the system gives. */
  write(file: string, bytes: Uint8Array, rights?: Partial<FileRights>): Promise<FileStamp>
  /** Undefined if there is nothing. `names`: how many there are of it. */
  look(path: string): Promise<Looked | undefined>
  /** Undefined for a folder that is not there or may not be read. A link is `other`. */
  list(folder: string): Promise<{ name: string; kind: EntryKind }[] | undefined>
  /** Where a path leads once all links are followed; undefined if nowhere. */
  realPath(path: string): Promise<string | undefined>
  /** One folder; no matter if it is there. */
  makeFolder(folder: string): Promise<void>
  /** With all above it, for the owner alone where `isPrivate`. */
  makeFolders(folder: string, isPrivate: boolean): Promise<void>
  /**
   * Without a pause: looks whether `file` still has the stamp, names it `aside`, and gives `temporary` its name if that
   * is still free. So nothing is ever overwritten: whatever somebody put there meanwhile is found, at `aside` or at `file`.
   */
  exchange(temporary: string, file: string, aside: string, expected: FileStamp): Promise<Exchange>
  /** Gives `temporary` the name `file`; false, with nothing done, if that name is taken. */
  place(temporary: string, file: string): Promise<boolean>
  /** Whatever is at `to` is replaced. Also from one disk to another. */
  move(from: string, to: string): Promise<void>
  /** No matter if it is not there. */
  remove(file: string): Promise<void>
  /** Makes the names in a folder durable. */
  syncFolder(folder: string): Promise<void>
  /** Tells the names that change in a folder, undefined where the system tells none; `failed` ends it. Undefined if there are no more watches. */
  watch(folder: string, changed: (name: string | undefined) => void, failed: () => void): Watch | undefined
}
