/**
 * The catalogue of everything that can go wrong, and the one error class.
 * `http` is the status of a problem+json answer, `close` the WebSocket close code, `exit` the exit code of the
 * command line, `retry` what a client may do by itself, `hint` what a person should do next.
 */
export interface ErrorEntry {
  message: string
  hint: string
  http?: number
  close?: number
  exit?: number
  retry: 'never' | 'backoff' | 'after-auth'
}

/** Exit codes of the command line (interfaces: CLI). */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  auth: 3,
  unreachable: 4,
  conflict: 5,
  runFailed: 10,
  waitsForGate: 11,
  interrupted: 130,
} as const

export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  unauthenticated: 4401,
  forbidden: 4403,
  notFound: 4404,
  epoch: 4409,
  tooLarge: 4413,
  hostile: 4422,
  slowDown: 4429,
  storage: 4507,
} as const

const catalogue = {
  BAD_ID: {
    message: 'That is not a valid id',
    hint: 'Copy the id from a list, for example `meshbook runs list`.',
    http: 400,
    exit: 2,
    retry: 'never',
  },
  BAD_REQUEST: {
    message: 'The request is not understood',
    hint: 'See /api/v1/openapi.json for what this route takes.',
    http: 400,
    close: 4400,
    exit: 2,
    retry: 'never',
  },
  BAD_MESSAGE: {
    message: 'A message on the socket is not understood',
    hint: 'Both ends must speak the same protocol version; update the older one.',
    http: 400,
    close: 4400,
    retry: 'never',
  },
  BAD_CONFIG: {
    message: 'A setting is not valid',
    hint: 'Run `meshbook doctor`, which explains every setting.',
    exit: 2,
    retry: 'never',
  },
  BAD_PATH: {
    message: 'That path is not allowed',
    hint: 'Use a relative path inside the project, without "..", control characters or links.',
    http: 400,
    close: 4400,
    exit: 2,
    retry: 'never',
  },
  BAD_NOTEBOOK: {
    message: 'The notebook cannot be read as Markdown text',
    hint: 'Save the file as UTF-8 text; the original is left untouched.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  BAD_FORMAT: {
    message: 'The file cannot be read as a notebook',
    hint: 'Open and save it once with the program that wrote it, or repair it at the named place; the original is left untouched.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  BAD_WORKFLOW: {
    message: 'The workflow cannot be run as it is',
    hint: 'Mend the named places; `meshbook workflow validate FILE` checks the file without running it.',
    http: 422,
    exit: 2,
    retry: 'never',
  },
  SNAPSHOT_REFUSED: {
    message:
      'The saved session was refused: it is damaged, cut short, or was not made by your devices for this session',
    hint: 'Nothing of it was run. Choose an older one with `meshbook sessions list --saved`, or start afresh.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  SNAPSHOT_UNFIT: {
    message: 'The saved session cannot go on on this device',
    hint: 'Choose another device or another saved state; `meshbook sessions doctor` says what this one can restore.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  RESTORE_FAILED: {
    message: 'The session could not be restored',
    hint: 'What was there before is as it was. Run the cell again to start afresh, or choose another saved state.',
    http: 502,
    exit: 1,
    retry: 'never',
  },
  SNAPSHOT_FAILED: {
    message: 'The session could not be saved',
    hint: '`meshbook sessions doctor` says what stands in the way; the session itself goes on.',
    http: 502,
    exit: 1,
    retry: 'backoff',
  },
  SNAPSHOTS_OFF: {
    message: 'Sessions are not saved on this device',
    hint: 'Set MESHBOOK_SNAPSHOT to `auto` there, and see `meshbook sessions doctor`.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  MOVE_UNDER_WAY: {
    message: 'The session is being moved',
    hint: 'Wait until it has arrived, or cancel the move with `meshbook sessions migrate --cancel`.',
    http: 409,
    exit: 5,
    retry: 'backoff',
  },
  OWNER_KEY_MISSING: {
    message: 'This device does not have the key that saved sessions are sealed with',
    hint: 'Keep another of your devices connected for a moment: it hands the key on by itself.',
    http: 409,
    exit: 5,
    retry: 'backoff',
  },
  UNAUTHENTICATED: {
    message: 'You are not signed in',
    hint: 'Open the sign-in link that `meshbook start` prints, or send a token as `Authorization: Bearer mb_…`.',
    http: 401,
    close: 4401,
    exit: 3,
    retry: 'after-auth',
  },
  LINK_USED: {
    message: 'This sign-in link has been used or has expired',
    hint: 'Run `meshbook start` again, or `meshbook link`, for a new one.',
    http: 401,
    exit: 3,
    retry: 'never',
  },
  SIGN_IN_EXPIRED: {
    message: 'This sign-in was begun in another browser, too long ago, or has been used',
    hint: 'Begin again on this page, and stay in this browser.',
    http: 401,
    exit: 3,
    retry: 'never',
  },
  SIGN_IN_CANCELLED: {
    message: 'The sign-in was cancelled at the provider',
    hint: 'Begin again, or sign in another way.',
    http: 401,
    exit: 3,
    retry: 'never',
  },
  SIGN_IN_REFUSED: {
    message: 'What the provider said about you could not be believed',
    hint: 'Begin again. If it happens again, whoever runs the hub finds the reason in its log.',
    http: 401,
    exit: 3,
    retry: 'never',
  },
  PROVIDER_FAILED: {
    message: 'The sign-in provider does not answer as it should',
    hint: 'Try again in a minute, or sign in another way. Whoever runs the hub finds the reason in its log.',
    http: 502,
    exit: 4,
    retry: 'backoff',
  },
  SIGN_UP_CLOSED: {
    message: 'There is no account for you on this hub',
    hint: 'Ask for an invitation. If you have an account, sign in as you did before and connect this identity on the account page.',
    http: 403,
    exit: 3,
    retry: 'never',
  },
  EMAIL_NOT_VERIFIED: {
    message: 'The provider has not verified your e-mail address',
    hint: 'Verify the address at the provider, then sign in again.',
    http: 403,
    exit: 3,
    retry: 'never',
  },
  INVITATION_VOID: {
    message: 'This invitation has been used, has expired or was withdrawn',
    hint: 'Ask for a new one. If you have used it yourself, sign in in the same way again.',
    http: 401,
    exit: 3,
    retry: 'never',
  },
  IDENTITY_TAKEN: {
    message: 'This identity belongs to another account',
    hint: 'Sign in with it, remove it there, then connect it here.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  LAST_WAY_IN: {
    message: 'This is the last way into your account',
    hint: 'Add a passkey or connect another identity first.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  PASSKEY_REFUSED: {
    message: 'The passkey was not accepted',
    hint: 'Try again, or sign in another way. A passkey works at the address it was made for, until it is removed.',
    http: 401,
    exit: 3,
    retry: 'never',
  },
  FORBIDDEN: {
    message: 'You may not do this',
    hint: 'Ask the owner of the project for the right that is missing.',
    http: 403,
    close: 4403,
    exit: 3,
    retry: 'never',
  },
  BAD_ORIGIN: {
    message: 'This page may not talk to Meshbook',
    hint: 'Open Meshbook at its own address; if you use another name or a proxy, set MESHBOOK_PUBLIC_URL.',
    http: 403,
    close: 4403,
    exit: 3,
    retry: 'never',
  },
  PLAIN_HTTP: {
    message: 'Plain HTTP from another machine is refused, because it can be overheard',
    hint: 'Use https: run `meshbook tls` on the machine of the hub, or put a proxy with TLS before it (MESHBOOK_PUBLIC_URL), or use a tunnel to its loopback port.',
    http: 403,
    exit: 3,
    retry: 'never',
  },
  REVOKED: {
    message: 'This device or token has been revoked',
    hint: 'Pair it again with `meshbook pair`, or make a new token.',
    http: 401,
    close: 4401,
    exit: 3,
    retry: 'never',
  },
  NOT_FOUND: {
    message: 'There is nothing here',
    hint: 'Check the name; it may have been moved or deleted.',
    http: 404,
    close: 4404,
    exit: 1,
    retry: 'never',
  },
  METHOD_NOT_ALLOWED: {
    message: 'This route does not take that method',
    hint: 'See /api/v1/openapi.json.',
    http: 405,
    retry: 'never',
  },
  CONFLICT: {
    message: 'Somebody else was first',
    hint: 'Load the newest state and try again.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  NOTHING_TO_UNDO: {
    message: 'There is no change to take back',
    hint: 'Look at the history of the document; any version of it can be restored.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  RUN_EXISTS: {
    message: 'A run with this id exists and is for other code',
    hint: 'Use a new run id for new code.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  STALE_FENCE: {
    message: 'The lease has passed to another holder',
    hint: 'Nothing to do: the newer holder goes on.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  SEQ_GAP: {
    message: 'Events of the run are missing before this one',
    hint: 'Send the events from the named sequence number on.',
    http: 409,
    retry: 'backoff',
  },
  RUN_ENDED: { message: 'The run has already ended', hint: 'Start a new run.', http: 409, exit: 5, retry: 'never' },
  RUN_FAILED: {
    message: 'The run has failed',
    hint: 'Its log says where and why.',
    http: 409,
    exit: 10,
    retry: 'never',
  },
  RUN_EXPIRED: {
    message: 'The run waited longer than it was allowed to',
    hint: 'Run the cell again.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  LOG_EXPIRED: {
    message: 'The log of this run has expired',
    hint: 'What became of the run is still known; MESHBOOK_RUN_RETENTION_DAYS says how long logs are kept.',
    http: 410,
    exit: 1,
    retry: 'never',
  },
  GATE_DECIDED: {
    message: 'This has been decided already',
    hint: 'Nothing to do: the first decision holds.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  GATE_EXPIRED: {
    message: 'The time to decide this is over',
    hint: 'Run it again; it will ask again.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  GATE_VOID: {
    message: 'The run that asked this has ended',
    hint: 'Nothing to do: nobody waits for an answer any more.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  GATE_ALTERED: {
    message: 'The decision is about other bytes than those that were asked',
    hint: 'Load the gate again and read what it shows before you decide.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  GATE_REPLAYED: {
    message: 'The decision belongs to another question',
    hint: 'Load the gate again and decide anew.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  EPOCH: {
    message: 'The document has been given a new identity',
    hint: 'Reload the document; unsent edits are carried over as a difference.',
    http: 409,
    close: 4409,
    retry: 'never',
  },
  TOO_LARGE: {
    message: 'This is larger than allowed',
    hint: 'Split it, or store it as a file beside the notebook.',
    http: 413,
    close: 4413,
    exit: 1,
    retry: 'never',
  },
  TOO_MANY: {
    message: 'There are too many of these',
    hint: 'Close or delete some and try again.',
    http: 429,
    close: 4429,
    exit: 1,
    retry: 'backoff',
  },
  QUOTA_USED: {
    message: 'The space for files and pictures is used up',
    hint: 'Delete documents whose files are not needed any more; the space is free again after the grace period.',
    http: 413,
    exit: 1,
    retry: 'never',
  },
  SLOW_DOWN: {
    message: 'Too much arrives too fast',
    hint: 'Wait a moment; the client tries again by itself.',
    http: 429,
    close: 4429,
    exit: 1,
    retry: 'backoff',
  },
  HOSTILE_UPDATE: {
    message: 'A document update was refused because it is malformed',
    hint: 'Reload the document. If it happens again, the client is faulty.',
    http: 422,
    close: 4422,
    retry: 'never',
  },
  READ_ONLY: {
    message: 'This connection may only read',
    hint: 'Ask the owner of the project for the right to edit.',
    http: 403,
    close: 4403,
    exit: 3,
    retry: 'never',
  },
  STORAGE_FAILED: {
    message: 'The disk did not accept the data, so nothing more is acknowledged',
    hint: 'Check the disk (`meshbook doctor`) and start again; what was acknowledged is safe.',
    http: 507,
    close: 4507,
    exit: 1,
    retry: 'backoff',
  },
  DISK_FULL: {
    message: 'The disk is full',
    hint: 'Free some space; unsaved changes are kept in memory and saved as soon as there is room.',
    http: 507,
    close: 4507,
    exit: 1,
    retry: 'backoff',
  },
  READ_ONLY_FOLDER: {
    message: 'The folder cannot be written',
    hint: 'Give yourself write permission to it, or choose another with --data.',
    exit: 1,
    retry: 'never',
  },
  DATA_TOO_NEW: {
    message: 'The data folder was written by a newer Meshbook',
    hint: 'Update this Meshbook, or choose another folder with --data. Nothing was changed.',
    exit: 1,
    retry: 'never',
  },
  HUB_OLD: {
    message: 'The hub is older than this device',
    hint: 'Update the hub; until then what it does not take is kept on this device.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  DATABASE_OLD: {
    message: 'The tables of the database are older than this Meshbook, and its role may not change them',
    hint: 'Run `meshbook hub --migrate` once, with MESHBOOK_DATABASE_OWNER_URL naming the role that owns the tables.',
    exit: 1,
    retry: 'never',
  },
  DATABASE_ROLE: {
    message: 'The hub does not run with a database role that may do too much',
    hint: 'Connect as a role that is no superuser and owns no table (see docs/self-hosting.md); only `meshbook hub --migrate` uses the owner.',
    exit: 1,
    retry: 'never',
  },
  DATA_IN_USE: {
    message: 'Another Meshbook is using this data',
    hint: 'Stop it, or choose another folder with --data.',
    exit: 5,
    retry: 'never',
  },
  BACKUP_DAMAGED: {
    message: 'The backup is damaged, or is no backup of Meshbook',
    hint: 'Use another copy of the file, or an older backup. Nothing was changed.',
    exit: 1,
    retry: 'never',
  },
  BACKUP_TOO_NEW: {
    message: 'The backup was made by a newer Meshbook',
    hint: 'Update this Meshbook. Nothing was changed.',
    exit: 1,
    retry: 'never',
  },
  WRONG_RECOVERY_KEY: {
    message: 'This key does not open the backup',
    hint: 'Use the recovery key that was shown when this backup was set up, or its passphrase. Nothing was changed.',
    exit: 3,
    retry: 'never',
  },
  NO_RECOVERY_KEY: {
    message: 'A recovery key is needed',
    hint: 'To back up, make one with `meshbook backup --new-key`; to restore, give it with --key-file, in MESHBOOK_RECOVERY_KEY, or at the prompt.',
    exit: 2,
    retry: 'never',
  },
  WOULD_OVERWRITE: {
    message: 'There is something already',
    hint: 'Choose another name, or use --force; to restore over data, use --replace, which keeps the old data under a dated name.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  FOLDER_TAKEN: {
    message: 'The folder of this name holds something else',
    hint: 'To merge and share what is in it, attach that folder by its name; else rename it. Nothing in it was touched.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  PORT_IN_USE: {
    message: 'The port is in use',
    hint: 'Choose another with --port, or stop the program that holds it.',
    exit: 1,
    retry: 'never',
  },
  UNREACHABLE: {
    message: 'The other side cannot be reached',
    hint: 'Check the address and that `meshbook start` or `meshbook hub` runs there.',
    http: 502,
    exit: 4,
    retry: 'backoff',
  },
  TIMEOUT: {
    message: 'No answer came in time',
    hint: 'Try again; `meshbook doctor` tests the connection.',
    http: 504,
    exit: 4,
    retry: 'backoff',
  },
  KERNEL_MISSING: {
    message: 'No program for this language is installed here',
    hint: 'Install it, or choose another device with "Run on…".',
    http: 422,
    exit: 10,
    retry: 'never',
  },
  ENVIRONMENT_UNKNOWN: {
    message: 'No lock file of the project asks for packages of this language',
    hint: 'Add one to the project: requirements.txt, uv.lock, pylock.toml, environment.yml, renv.lock or package-lock.json.',
    http: 404,
    exit: 2,
    retry: 'never',
  },
  ENVIRONMENT_TOOL_MISSING: {
    message: 'A program that makes the environment is not installed',
    hint: 'Install it on that device, then create the environment again.',
    exit: 1,
    retry: 'never',
  },
  ENVIRONMENT_FAILED: {
    message: 'The environment could not be created',
    hint: 'Mend the lock file or what the last lines name, then create it again.',
    exit: 1,
    retry: 'never',
  },
  ENVIRONMENT_BUSY: {
    message: 'Another process is creating this environment',
    hint: 'Wait until it is done.',
    exit: 5,
    retry: 'backoff',
  },
  KERNEL_DIED: {
    message: 'The kernel process ended',
    hint: 'Run the cell again; a fresh session is started and its variables are new.',
    http: 500,
    exit: 10,
    retry: 'never',
  },
  KERNEL_START: {
    message: 'The kernel did not start',
    hint: 'Run `meshbook doctor`, which starts each kernel and shows what it said.',
    http: 500,
    exit: 10,
    retry: 'never',
  },
  KERNEL_MEMORY: {
    message: 'The session used more memory than it may',
    hint: 'Its variables are gone. Use less at a time, or raise the limit: `meshbook devices set DEVICE --memory 12GB`.',
    http: 500,
    exit: 10,
    retry: 'never',
  },
  RUN_TIMEOUT: {
    message: 'The run took longer than it may',
    hint: 'Split the work, or raise the limit: `timeout` in the front matter, `meshbook devices set DEVICE --run-minutes 120`.',
    http: 500,
    exit: 10,
    retry: 'never',
  },
  JOURNAL_FULL: {
    message: 'The outputs that this session keeps have used up their room',
    hint: 'They wait for the hub: runs begin again once it has taken them. Without a hub, older ones make room once the notebook shows them.',
    http: 507,
    exit: 10,
    retry: 'backoff',
  },
  NO_DEVICE: {
    message: 'No device can run this',
    hint: 'Start Meshbook on a machine that has the language (`meshbook up`).',
    http: 422,
    exit: 10,
    retry: 'backoff',
  },
  PAIRING_CODE: {
    message: 'This code is not valid, or not any more',
    hint: 'A code works once, within two minutes. Make a new one under Devices, or with `meshbook devices pair`.',
    http: 404,
    exit: 3,
    retry: 'never',
  },
  PAIRING_DIGITS: {
    message: 'These are not the two digits that the new device shows',
    hint: 'Read them off the screen of the new device. If it shows none, somebody else used the code: cancel.',
    http: 409,
    exit: 5,
    retry: 'never',
  },
  PAIRING_REFUSED: {
    message: 'This device was not added',
    hint: 'Start again with a new code: under Devices, with `meshbook devices pair`, or with `meshbook pair` on this machine.',
    http: 403,
    exit: 3,
    retry: 'never',
  },
  KEYCHAIN_SILENT: {
    message: 'The keychain that has the keys of this device does not answer',
    hint: 'Unlock it (sign in at the desktop) and start again. MESHBOOK_KEYCHAIN=off keeps keys in a file from then on.',
    exit: 1,
    retry: 'never',
  },
  OUTGOING_REFUSED: {
    message: 'Meshbook sends nothing to this address',
    hint: 'Use a public http(s) address. One in a private network can be set by the owner of the hub, who is its first user.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  PUSH_SERVICE: {
    message: 'This push service is not known to the hub',
    hint: 'If your browser really uses it, the owner of the hub can allow it with MESHBOOK_PUSH_SERVICES.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  MAIL_OFF: {
    message: 'This hub sends no e-mail',
    hint: 'Whoever looks after the hub can name a mail server with MESHBOOK_SMTP_URL and MESHBOOK_SMTP_FROM.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  BUDGET_REACHED: {
    message: 'The budget for models is used up',
    hint: 'Give it a larger budget, or wait until calls that are under way have ended: what they may cost is held back.',
    http: 402,
    exit: 1,
    retry: 'never',
  },
  AGENT_UNKNOWN: {
    message: 'This hub has no agent of that name',
    hint: 'Whoever looks after the hub names agents in MESHBOOK_TASK_AGENTS; without a name it is the agent of the hub.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  KEY_MISSING: {
    message: 'There is no key for this provider',
    hint: 'Set one with `meshbook keys set`; nobody can read it back.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  KEY_UNREADABLE: {
    message: 'The stored key cannot be opened',
    hint: 'Start the hub with the master key that it was sealed with (MESHBOOK_MASTER_KEY_OLD), or set the key anew.',
    http: 422,
    exit: 1,
    retry: 'never',
  },
  REPO_DENIED: {
    message: 'The repository cannot be opened',
    hint: 'Check its address, and that a key for its host is stored that may read it (and write, to push).',
    http: 422,
    exit: 3,
    retry: 'never',
  },
  COMPUTE_UNAVAILABLE: {
    message: 'Containers cannot be used',
    hint: '`meshbook compute status` says what is missing; docs/containers.md how to set it up.',
    http: 503,
    exit: 4,
    retry: 'backoff',
  },
  INTERRUPTED: { message: 'Interrupted', hint: 'Run it again when you are ready.', exit: 130, retry: 'never' },
  SHUTTING_DOWN: {
    message: 'Meshbook is shutting down',
    hint: 'The client reconnects by itself.',
    http: 503,
    close: 1001,
    exit: 4,
    retry: 'backoff',
  },
  INTERNAL: {
    message: 'Something went wrong inside Meshbook',
    hint: 'Please report it with the request id; nothing that was acknowledged is lost.',
    http: 500,
    close: 1011,
    exit: 1,
    retry: 'backoff',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof catalogue
export const errors: Readonly<Record<ErrorCode, ErrorEntry>> = catalogue

export class MeshError extends Error {
  readonly code: ErrorCode
  /** What exactly and where, in one sentence; safe to show to the user. */
  readonly detail: string | undefined
  /** After so long it may work, where that is known. */
  readonly retryMs: number | undefined

  constructor(code: ErrorCode, options: { detail?: string; cause?: unknown; retryMs?: number } = {}) {
    super(options.detail ? `${errors[code].message}: ${options.detail}` : errors[code].message, {
      cause: options.cause,
    })
    this.name = 'MeshError'
    this.code = code
    this.detail = options.detail
    this.retryMs = options.retryMs
  }

  get entry(): ErrorEntry {
    return errors[this.code]
  }
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(errors, text)
}

/** Anything thrown, as a MeshError. What is not one already becomes INTERNAL, with the original as its cause. */
export function asMeshError(thrown: unknown): MeshError {
  return thrown instanceof MeshError ? thrown : new MeshError('INTERNAL', { cause: thrown })
}

/** The body of an `application/problem+json` answer (RFC 9457). */
export interface Problem {
  type: string
  title: string
  status: number
  code: ErrorCode
  detail: string
  hint: string
  requestId: string
}

export function problemOf(error: MeshError, requestId: string): Problem {
  const { message, hint, http } = error.entry
  const status = http ?? 500
  return {
    type: `urn:meshbook:error:${error.code}`,
    title: message,
    status,
    code: error.code,
    detail: error.detail ?? message,
    hint,
    requestId,
  }
}
