/**
 * Every cap and every time-out of the system, in one place (invariant I10). The unit is the last word of a name.
 * Tests run the times that `scaledTimes` returns at a fraction of these.
 */
const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

export const limits = {
  /** A lock file above this size is not read. */
  lockFileBytes: 16 * MiB,
  /** How often the projects' folders are looked at for lock files and environments. */
  environmentLookMs: 10_000,
  environmentMakeMs: 3_600_000,
  /** Environments of one language that stay in a project. */
  environmentsPerLanguage: 3,
  environmentsPerDevice: 500,

  /** Frames before a socket is authenticated (S12). */
  preAuthFrameBytes: 64 * KiB,
  preAuthFrames: 64,
  syncFrameBytes: 16 * MiB,
  channelFrameBytes: 1 * MiB,
  /** Larger payloads are split into frames of this size. */
  channelChunkBytes: 256 * KiB,
  /** What may wait in a socket's send buffer before a reader is dropped to "resync later". */
  socketBacklogBytes: 8 * MiB,
  /** The same for all readers of one document together, but for what each may have at least. */
  documentBacklogBytes: 128 * MiB,
  socketBacklogLeastBytes: 256 * KiB,
  channelStreams: 20_000,
  /** What the hub has taken of a device and not stored yet, before it reads no further. */
  channelCreditBytes: 16 * MiB,
  /** Bytes of one stream, and of one run's events, that are under way before the receiver has to say that it took them. */
  streamCreditBytes: 1 * MiB,
  /** Parts of payloads whose last one is not there yet, of all streams of a channel together. */
  channelUnfinishedBytes: 64 * MiB,
  /** What a channel gives to its socket at a time, so that what is urgent overtakes what waits. */
  channelAheadBytes: 256 * KiB,
  /** A sync payload up to this size is somebody typing: it goes before the bulk. */
  channelSmallBytes: 16 * KiB,
  socketsPerUser: 8_000,
  socketsPerDocument: 2_000,
  /** Sockets of one address that have not shown yet whose they are. */
  strangersPerAddress: 500,
  /** What all sockets of one user on `/sync` may bring; who sends faster is read more slowly. */
  syncFramesPerUserSecond: 100_000,
  syncBytesPerUserSecond: 64 * MiB,

  updateBytes: 15 * MiB,
  /** A whole document must fit into one frame of `/sync`. */
  documentBytes: 15 * MiB,
  /** Updates of one document that wait for the disk before its sockets are no longer read. */
  documentUnsavedBytes: 32 * MiB,
  newClientsPerUpdate: 256,
  clientsPerDocument: 20_000,
  /** Backstop for checking an update in a thread, for each MiB begun; the check itself is linear in the size. */
  updateCheckMs: 5_000,
  /** Larger jobs on updates go to a thread. */
  updateInlineBytes: 64 * KiB,
  jobThreadIdleMs: 60_000,
  /** Nesting of a value inside a document. */
  valueDepth: 128,
  /** One value in a document that is stored as JSON. */
  jsonValueBytes: 1 * MiB,
  /** Who delivered which structs is remembered for so many ranges of a document. */
  deliveriesPerDocument: 4_096,
  awarenessBytes: 64 * KiB,
  awarenessClientsPerSocket: 16,
  awarenessMs: 100,
  /** y-protocols renews a state every 15 s. */
  awarenessStaleMs: 30_000,
  compactAfterUpdates: 2_000,
  compactChunkUpdates: 100,
  roomIdleMs: 30_000,
  groupCommitMs: 5,
  groupCommitCalls: 2_000,
  /** What a run's output and the like bring into one commit, so that an edit waits no longer than that takes. */
  turnBytes: 256 * KiB,

  databaseReaders: 5,
  databaseWriters: 3,
  databaseConnectMs: 5_000,
  databaseIdleMs: 60_000,
  /** How long a transaction waits for another one's locks. */
  databaseLockMs: 10_000,
  databaseStatementMs: 25_000,
  databaseTries: 5,
  databaseRetryMaxMs: 5_000,

  /** How often rooms look at the log by themselves; news from the other hubs is faster, but may be lost. */
  neighbourPollMs: 1_000,
  /** News that waits to be sent; more is dropped. */
  neighbourBacklog: 1_000,
  awarenessClientsPerNeighbour: 1_000,
  /** Without changes for so long, a version of a document is recorded; while they go on, every `historyMaxWaitMs`. */
  historyQuietMs: 30_000,
  historyMaxWaitMs: 5 * 60_000,
  /** Changes of two devices of one user share a version when they come closer together. */
  historyAuthorMs: 10_000,
  historyChainDepth: 64,
  versionsPerDocument: 5_000,
  authorsPerVersion: 32,
  /** Groups of changes of one document that wait to be recorded. */
  groupsPerDocument: 16,
  /** Documents whose changes wait to be recorded. */
  waitingDocumentsPerHub: 20_000,
  recordingsPerHub: 2,

  requestBodyBytes: 1 * MiB,
  assetBytes: 512 * MiB,
  /** Of all assets of an org, with what uploads have announced. */
  assetBytesPerOrg: 100 * GiB,
  assetUploadsPerUser: 64,
  /** An upload that nobody goes on with for so long is dropped. */
  assetUploadIdleMs: 24 * 3_600_000,
  /** What an upload may lose when the hub is killed, beyond what it has acknowledged. */
  assetCheckpointBytes: 8 * MiB,
  /** How long an asset stays that nothing names. */
  assetGraceMs: 30 * 24 * 3_600_000,
  assetCollectMs: 6 * 3_600_000,
  /** Rows that one transaction of the collection handles. */
  assetCollectRows: 500,
  /** Pictures that a device fetches at a time, and those that wait; the rest comes with the next text. */
  assetDownloadsPerDevice: 2,
  assetDownloadsWaitingPerDevice: 1_000,
  /** Larger objects go to an S3 store in parts of this size, which is also what an upload holds in memory. */
  objectPartBytes: 8 * MiB,
  objectPutsPerStore: 4,
  objectTriesPerCall: 5,
  /** Larger snapshots of documents are objects, where there is an object store. */
  snapshotObjectBytes: 256 * KiB,
  /** How long an object stays that no document names yet. */
  snapshotGraceMs: 2 * 3_600_000,
  pathBytes: 1024,
  pathSegmentBytes: 255,
  nameChars: 100,
  pageRows: 200,
  /** Of a statement: projects times members times models of one month. */
  statementRows: 50_000,
  documentsPerProject: 20_000,

  cellCodeBytes: 1 * MiB,
  frontMatterBytes: 64 * KiB,
  /** Time for one search of a notebook, and places that it lists. */
  findMs: 2_000,
  findMatches: 5_000,
  frontMatterAliases: 50,
  runQueuePerSession: 1_000,
  /** Text of one run kept in the log; the rest is counted, not kept. */
  runOutputBytes: 64 * MiB,
  /** Text of one run shown in the document; the rest goes to an asset. */
  documentOutputBytes: 256 * KiB,
  documentOutputLines: 5_000,
  runEventBytes: 256 * KiB,
  runEventBatch: 256,
  displayInlineBytes: 16 * KiB,
  /** Of all that one run displayed, what stands in its entry in the document; more goes to assets. */
  entryInlineBytes: 64 * KiB,
  displayBytes: 16 * MiB,
  displaysPerRun: 200,
  inputBytes: 64 * KiB,
  runWaitMs: 24 * 3_600_000,
  /** A cell that took longer before prefers a device that is always on; so many of its last runs are looked at. */
  longRunMs: 30_000,
  pastRunRows: 5,
  /** What waited for longer is looked at again before it runs: its cell may have changed (RU31). */
  runFreshMs: 10_000,
  /** What a phone keeps of documents that were opened and not asked to be kept, with their images; the rest of a larger one is not fetched beforehand. */
  phoneUsedBytes: 200 * MiB,
  phoneAssetBytes: 32 * MiB,
  /** What is shared to the phone's app at once, and how many of such wait for a place before the oldest goes. */
  phoneShareBytes: 64 * MiB,
  phoneShareFiles: 20,
  phoneShareChars: 500_000,
  phoneSharesWaiting: 8,
  /** How often a phone looks what became of the documents that it keeps. */
  phoneKeepLookMs: 60_000,
  /** How long "still want this?" is asked. */
  runAskMs: 7 * 24 * 3_600_000,
  /** Logs of ended runs, of one project; what a run came to is known for much longer than what it said. */
  runLogBytesPerProject: 4 * GiB,
  /** Why a run ran on its device while the hub was out of reach. */
  reasonsPerImport: 16,
  /** Ended runs that a device without a hub remembers. */
  localRunRows: 1_000,
  /** The link has been down for so long before the device decides by itself where a run goes. */
  hubAwayMs: 2_000,
  runRecordMs: 400 * 24 * 3_600_000,
  /** The longest that a project may keep its logs. */
  retentionMs: 3_650 * 24 * 3_600_000,
  runResultBytes: 64 * KiB,
  /** Runs that one transaction lets expire. */
  runRetentionRows: 100,
  runRetentionMs: 3_600_000,
  gateShownBytes: 64 * KiB,
  gatesPerRun: 16,
  decidersPerGate: 32,
  gateCommentChars: 1_000,
  requirementsPerRun: 16,
  networksPerDevice: 16,
  /** Of an org with more, devices are chosen apart from taking a run in. */
  devicesPerOffer: 64,
  /** How far a cell's code is read for what it imports: a table of libraries is looked up, which is only a preference. */
  importScanChars: 64 * KiB,
  importParseCalls: 8_000,
  projectionMs: 100,
  /** How long it may take to show that a run was taken, and to tell the hub that it started, if nothing came of it yet. */
  claimShownMs: 25,
  startSentMs: 5,
  outputBlockWaitMs: 500,
  /** Of several monitors on one document: how long one waits for claims of others, beyond a round trip. */
  claimSettleMs: 250,
  claimKeptMs: 3_600_000,
  /** How long after a run what it came to is set again in its entry, and how often in all. */
  entryGuardMs: 10_000,
  entryGuardTries: 100,
  /** A run whose monitor was not seen for so long counts as interrupted. */
  monitorGoneMs: 60_000,
  /** A run of which nothing has come for so long is stopped by a monitor that no hub has asked. */
  stuckRunMs: 6 * 3_600_000,
  leaseMs: 60_000,

  /** How often a hub beats in the shared store, and what waits there for a device that another hub has. */
  hubBeatMs: 5_000,
  ordersPerDevice: 1_000,
  newsRows: 1_000,
  newsKeptRows: 20_000,
  /** Devices and browsers are told of devices in one piece; of load alone, more rarely. */
  devicesToldMs: 20,
  metricsToldMs: 5_000,

  pingMs: 10_000,
  heartbeatMs: 30_000,
  suspectMs: 30_000,
  offlineMs: 60_000,
  /** A clock that went on for so much longer than a timer says that the machine slept. */
  clockTickMs: 5_000,
  clockJumpMs: 10_000,
  /** How long the hub may take to answer after that. */
  wakeAnswerMs: 3_000,
  handshakeMs: 10_000,
  /** How often a hub looks whether its certificate is another or should be (TL4). */
  tlsLookMs: 10_000,
  /** Browsers take no certificate that is valid for more than 398 days. */
  certificateMs: 397 * 86_400_000,
  authorityMs: 3_652 * 86_400_000,
  /** How long a document that is opened behind the page may take to be as the hub has it. */
  documentInStepMs: 20_000,
  requestMs: 30_000,
  reconnectMinMs: 250,
  reconnectMaxMs: 30_000,
  /** How long a disk that works again may go unnoticed. */
  storageRetryMaxMs: 2_000,

  kernelStartMs: 20_000,
  kernelRequestMs: 10_000,
  kernelFrameBytes: 32 * MiB,
  kernelUnackedBytes: 32 * MiB,
  interruptGraceMs: 5_000,
  /** One message of a Jupyter kernel; one that sends more is cut off. */
  jupyterMessageBytes: 128 * MiB,
  kernelspecBytes: 64 * KiB,
  kernelspecsPerDevice: 64,
  /** How long an answer about what is installed holds where nothing in the usual folders has changed. */
  runtimesKeptMs: 20_000,
  /** A kernel host that no daemon has looked after for so long, and that runs nothing, ends its session. */
  hostAloneMs: 24 * 3_600_000,
  journalBytes: 512 * MiB,
  /** Pictures and the like of one run that are kept, those that others replaced among them. */
  runDisplayBytes: 512 * MiB,
  /** Of the machine's memory, what a session may take where nobody set a limit. */
  sessionMemoryPercent: 80,
  /** How often the memory of a session is looked at; faster when it is near its limit. */
  memoryCheckMs: 1_000,
  memoryNearMs: 100,
  /** How often a kernel host looks for a changed policy and at the time it has been idle. */
  policyCheckMs: 2_000,
  /** How long the idle end of a session is remembered for who comes back. */
  idleNoticeMs: 7 * 24 * 3_600_000,
  /** An output that is only redrawn is shown every sixteenth of the time it has gone on, at most so rarely. */
  redrawMaxMs: 5_000,
  sessionsPerDevice: 32,

  fileBytes: 16 * MiB,
  /** Documents of one folder that are held in memory because of their files; more only while they are in use. */
  documentsAwake: 256,
  documentIdleMs: 20_000,
  fileDebounceMs: 100,
  fileMaxWaitMs: 1_000,
  /** What each million characters of a document add to those two: its file is written whole. */
  fileQuietPerMillionMs: 80,
  fileWaitPerMillionMs: 4_000,
  /** Former texts of a file that an editor's older buffer is compared with. */
  pastTexts: 128,
  pastTextBytes: 256 * KiB,
  pastTextMs: 15 * 60_000,
  /** Files of one folder that are no notebooks. */
  projectFiles: 20_000,
  projectFilesBytes: 50 * GiB,
  /** Larger ones are fetched only where they are needed. */
  fileFetchBytes: 10 * MiB,
  /** Of a file that is no notebook, so much is shown on a page. */
  filePreviewBytes: 256 * KiB,
  filesPageRows: 5_000,
  /** How often pages are told that files of a project changed. */
  filesToldMs: 500,
  /** What a device tells the hub of what is wrong there. */
  problemsPerDevice: 32,
  problemTextChars: 600,
  problemsMs: 250,
  /** What a file held before it was replaced is looked at again after so long, for who still had it open. */
  replacedFileMs: 2_000,
  /** A file that is no text has stood in the place of a document for so long before it is given another name. */
  conflictAfterMs: 10_000,
  /** Deleted files are kept for so long, and the newest of them up to so many bytes. */
  trashMs: 30 * 24 * 60 * 60_000,
  trashBytes: 1024 * MiB,
  /** With less free, no project is given a folder by itself (DV104). */
  diskReserveBytes: 512 * MiB,
  /** How often those without a folder that should have one are looked at again. */
  projectRetryMs: 60_000,

  /** Rows are gathered into parts of a backup of about this size; one that is larger alone is a part of its own. */
  backupPartBytes: 4 * MiB,
  backupPartMaxBytes: 256 * MiB,
  backupManifestBytes: 64 * MiB,
  /** How long the database waits for a backup that is busy with its file. */
  backupIdleMs: 10 * 60_000,
  /** Snapshots in an object store are kept so long for a backup that reads them, and for the data that a restore replaced. */
  backupHoldMs: 24 * 60 * 60_000,
  restoreHoldMs: 30 * 24 * 60 * 60_000,

  /** Telling people: ways of one user, and what goes out. */
  waysPerUser: 20,
  wayUrlChars: 2_048,
  notifyProjectRows: 200,
  /** Runs that took no longer are not told, where a user has set nothing else. */
  notifyAfterSeconds: 30,
  noticeTitleChars: 100,
  noticeTextChars: 300,
  /** More notices to one user become summaries, which come at most so often. */
  noticesPerHour: 30,
  noticeSummaryMs: 10 * 60_000,
  /** Lines of a summary that name what is in it. */
  noticeSummaryLines: 5,
  /** How long runs that a lost device had are gathered for one notice. */
  noticeGatherMs: 2_000,
  /** For so long a notice is tried again, and for so long it is remembered. */
  noticeMs: 24 * 3_600_000,
  noticeKeptMs: 7 * 24 * 3_600_000,
  noticeSweepRows: 500,
  noticeLookMs: 500,
  noticeRows: 200,
  /** A delivery that a hub has taken is that of another one after so long. */
  deliveryLeaseMs: 60_000,
  deliveriesPerHub: 16,
  deliveriesPerUser: 4,
  deliveryRetryMinMs: 5_000,
  deliveryRetryMaxMs: 3_600_000,
  pushTestsPerMinute: 6,
  /** Mail: one address, one whole message, one delivery from connecting to the server's last answer (within the lease). */
  mailAddressChars: 254,
  mailBytes: 16 * KiB,
  mailMs: 30_000,
  /** What a mail server says about a refusal, as far as it is shown. */
  mailAnswerChars: 200,
  /** The code that confirms an address (NT31). */
  mailCodeMs: 3_600_000,
  mailCodeTries: 5,
  mailCodesPerDay: 10,
  mailCodesPerAddress: 3,
  receiptsPerMinute: 120,
  /** How long a page that said so counts as looked at. */
  lookingMs: 60_000,
  /** A request to an address that a user gave. */
  outgoingMs: 15_000,
  outgoingAnswerBytes: 16 * KiB,

  /** Requests to routes of a hub that others reach, by what they cost; docs/self-hosting.md says how to set others. */
  readsPerTokenMinute: 12_000,
  readsPerOrgMinute: 36_000,
  writesPerTokenMinute: 6_000,
  writesPerOrgMinute: 18_000,
  heavyRequestsPerTokenMinute: 120,
  heavyRequestsPerOrgMinute: 360,
  /** Files and parts of saved sessions: a device that is new fetches many small ones. */
  transfersPerTokenMinute: 30_000,
  transfersPerOrgMinute: 90_000,
  /** Of one address that shows no credential: readers of published pages among them, many behind one address. */
  requestsPerAddressMinute: 3_000,
  /** The most that a setting can make of these. */
  requestsPerRateMinute: 10_000_000,
  rateWindowMs: 60_000,
  /** How long a request waits for the count of all hubs, and how long a store that was silent is left alone. */
  rateAnswerMs: 250,
  rateRestMs: 1_000,
  /** Of each kind that is counted. */
  rateKeysPerHub: 100_000,

  authTriesPerMinute: 30,
  emailChars: 254,
  /** Members and invitations of one project. */
  membersPerProject: 500,
  /** Projects of others that one user is a member of. */
  membershipsPerUser: 1_000,
  /** How long an entry of the audit log is kept. */
  auditKeepMs: 400 * 24 * 3_600_000,
  /** Entries that one transaction deletes for their age. */
  auditTrimRows: 1_000,
  auditDetailBytes: 4 * KiB,
  /** Failed sign-ins that are noted; the rest is counted. */
  auditFailuresPerMinute: 20,
  projectsPerUser: 1_000,
  devicesPerUser: 500,
  tokensPerUser: 500,
  /** Tickets of one user that are still good. */
  ticketsPerUser: 5_000,
  /** Event streams of one user that are open at a time. */
  eventStreamsPerUser: 500,
  eventStreamBeatMs: 15_000,

  signInLinkMs: 10 * 60_000,
  /** Sign-ins that one address begins; finishing one counts as a try. */
  signInStartsPerMinute: 120,
  signInAttemptMs: 10 * 60_000,
  signInAttemptsPerHub: 10_000,
  usersPerHub: 10_000,
  userNameChars: 40,
  identitiesPerUser: 20,
  passkeysPerUser: 20,
  credentialIdChars: 1_400,
  passkeyAnswerChars: 32 * KiB,
  browserSessionsPerUser: 200,
  invitationsPerUser: 100,
  invitationMs: 7 * 24 * 3_600_000,
  /** An answer of a sign-in provider: its size, and how long it may take. */
  providerAnswerBytes: 1 * MiB,
  providerAnswerMs: 10_000,
  providerSettingsMs: 3_600_000,
  cookieMs: 30 * 24 * 3_600_000,
  ticketFirstUseMs: 60_000,
  ticketMs: 24 * 3_600_000,

  /** How long a pairing code is good, and how often it may be tried: per address, and by everybody together. */
  pairingMs: 120_000,
  pairingTriesPerMinute: 5,
  pairingTriesPerHubMinute: 100,
  pairingDigitTries: 3,
  pairingsPerUser: 10,
  /** A device without a browser waits for so long to be approved, and asks so often (RFC 8628). */
  deviceGrantMs: 10 * 60_000,
  deviceGrantPollMs: 5_000,
  deviceGrantsPerHub: 1_000,
  /** From the user's click until the program on this machine has fetched what was granted. */
  redirectCodeMs: 60_000,
  /** A question that waits for a change is answered by then. */
  longPollMs: 20_000,
  longPollsPerAddress: 20,
  /** How long two devices may be connected with each other by one word of the hub, which says it again while it lasts. */
  lanGrantMs: 60_000,
  /** After a change of its direct connections a device tells the hub, at most so often. */
  lanToldMs: 1_000,
  lanAddressesPerDevice: 8,
  lanPeersPerDevice: 8,
  /** Connections whose first frame has not come yet, and what they may say until then. */
  lanStrangersPerDevice: 8,
  lanHelloBytes: 1 * KiB,
  lanDialMs: 3_000,
  /** How long a keychain has to answer. */
  keychainMs: 3_000,
  shutdownMs: 5_000,

  /** A notebook file that is imported. */
  importBytes: 256 * MiB,
  formatCells: 20_000,
  /** Nesting of its JSON. */
  formatDepth: 128,
  /** Text of one cell's imported outputs that stands in the document; all of it is kept beside it. */
  formatOutputChars: 16 * KiB,
  publishedPerProject: 500,
  /** Addresses that a published document had before, which lead to the one it has. */
  publishedPathsPerDocument: 20,
  /** A longer text is shown plain, and of it no more than this. */
  publishedTextBytes: 4 * MiB,
  /** What imported outputs hold beside the text, read for one page. */
  publishedOutputs: 2_000,
  publishedOutputsBytes: 32 * MiB,
  /** Pictures inside one exported page, each as often as it is shown. */
  exportPictureBytes: 256 * MiB,
  /** What runs displayed, kept with a published version. */
  publishedEntriesBytes: 2 * MiB,
  /** Rendering one page; a page that takes longer is shown as plain text. */
  publishRenderMs: 5_000,
  publishThreadStartMs: 20_000,
  publishRendersWaiting: 64,
  publishThreadMemoryMiB: 512,
  publishThreadIdleMs: 60_000,
  /** A page of a document that goes on changing is made anew at most so often. */
  publishFollowMs: 2_000,
  /** Pages that are kept ready. */
  publishedCacheBytes: 64 * MiB,
  /** Longer code is shown without colours on a published page. */
  highlightedCodeBytes: 64 * KiB,
  /** One formula of a published page, and how often its macros may expand. */
  mathBytes: 8 * KiB,
  mathExpansions: 500,
  /** Colours that the outputs of one published page may have a rule of their own for. */
  publishedColours: 512,

  /** Of one saved session, all parts together as they are stored. */
  snapshotBytes: 64 * GiB,
  snapshotParts: 12_000,
  /** One part, sealed. */
  snapshotPartBytes: 8 * MiB,
  /** Parts that go in one request, and bytes of them. */
  snapshotPartsPerRequest: 2_000,
  snapshotRequestBytes: 16 * MiB,
  /** Body of a record. */
  snapshotRecordBytes: 2 * MiB,
  snapshotBytesPerOrg: 200 * GiB,
  /** How long the hub keeps a part that no record names since it was last written or asked about. */
  snapshotPartGraceMs: 24 * 3_600_000,
  snapshotsKeptPerSession: 5,
  namedSnapshotsPerSession: 100,
  snapshotShownVariables: 200,
  snapshotLostItems: 200,
  snapshotCpuFeatures: 400,
  /** What a device keeps of its own and prefetched snapshots. */
  snapshotCacheBytes: 20 * GiB,
  /** How long a session is left alone after a run before it is saved. */
  snapshotQuietMs: 2_000,
  /** A run that goes on for longer is saved in its middle. */
  snapshotLongRunMs: 60_000,
  /** The most of its time that a session may stand still for being saved, in thousandths. */
  snapshotFreezePerMille: 10,
  /** A pause between runs that nobody may feel; above it the next saving waits longer. */
  snapshotPauseMs: 50,
  snapshotCaptureMs: 600_000,
  snapshotTransferMs: 3_600_000,
  /** What the system gives before it sleeps. */
  snapshotFlushMs: 3_500,
  restoreMs: 1_800_000,
  /** A move waits so long for the session to be idle and saved, and for the target. */
  moveMs: 3_600_000,
  /** How often progress of a restore is told. */
  restoringToldMs: 250,
  /** Moves of one session that are under way. */
  movesPerSession: 1,
  /** Moves that are under way. */
  movesPerOrg: 1_000,

  /** From the order for a worker to its registration. */
  workerStartMs: 60_000,
  /** What a worker is given to save its sessions and end. */
  workerStopMs: 120_000,
  /** How long a worker that cannot reach its hub waits for it. */
  workerAloneMs: 600_000,
  /** How often the hub compares its workers with what the engine has. */
  workerLookMs: 5_000,
  /** The longest wait before a worker that could not be started is tried again. */
  workerRetryMs: 60_000,
  /** An answer of the container engine. */
  engineAnswerMs: 20_000,
  engineAnswerBytes: 4 * MiB,
  /** An image that is being made. */
  engineImportMs: 900_000,

  /** How long the hub remembers a move that is over. */
  moveKeptMs: 7 * 24 * 3_600_000,
  /** The longest that a run may be told to wait for a silent device before it goes elsewhere. */
  elsewhereAfterMs: 24 * 3_600_000,
  /** Saved states that a lease names. */
  snapshotRungsPerLease: 10,
  /** A state that was saved longer ago does not go on by itself any more. */
  snapshotOldMs: 30 * 24 * 3_600_000,
  /** A device that is back tells of its own runs before it is asked for what else it still has. */
  leftHeadMs: 2_000,
  /** How often it is asked again for a state that it could not save. */
  leftHeadAgainMs: 300_000,
  /** How often browsers are told that a session has been saved. */
  savedToldMs: 1_000,

  // Agent tasks
  taskPromptBytes: 64 * KiB,
  /** Turns of the model in one task, whatever its budget says. */
  turnsPerTask: 500,
  taskMs: 24 * 3_600_000,
  tasksQueuedPerOrg: 1_000,
  taskMessagesPerTask: 1_000,
  brokerEventsPerMessage: 500,
  brokerLineBytes: 12 * MiB,
  /** Sent to a worker that does not read. */
  brokerUnreadBytes: 32 * MiB,
  brokerConnectionsPerSocket: 128,
  brokerHeaderBytes: 32 * KiB,
  /** Of one message between the broker of a worker elsewhere and the hub. */
  tunnelPieceBytes: 60 * KiB,
  tunnelUnsentBytes: 8 * MiB,
  /** A connection for packages on which nothing passes. */
  packagesIdleMs: 120_000,
  taskAssetBytes: 8 * MiB,
  taskDiffBytes: 2 * MiB,
  /** A worker that says nothing for so long is replaced. */
  taskSilentMs: 30_000,
  taskStartMs: 120_000,
  /** A worker that waits for a task is replaced when it is so old. */
  taskWarmMs: 3_600_000,
  /** How long a waiting worker is kept for who asked for it. */
  taskSpareMs: 60_000,
  /** What a worker is given to save its work and end. */
  taskStopMs: 20_000,
  replacementsPerTask: 5,
  taskApprovalMs: 24 * 3_600_000,
  /** Of the output of one tool, for the model and in the log. */
  toolOutputBytes: 64 * KiB,
  toolRunMs: 600_000,
  /** The longest that an agent may let a cell of the mesh take, waiting included. */
  taskCellMs: 3_600_000,
  cellsPerTask: 1_000,
  /** Cells of one task that have not ended. */
  goingCellsPerTask: 4,
  modelAnswerMs: 600_000,
  modelRequestBytes: 32 * MiB,
  /** Bodies of calls that are under way, over all of the hub. */
  modelRequestsBytes: 512 * MiB,
  /** Calls that are under way: of one task or token, and of the hub. */
  modelCallsPerBudget: 128,
  modelCallsPerHub: 512,
  /** A stream that brings nothing for so long is cut, and a whole call after so long. */
  modelSilentMs: 300_000,
  modelCallMs: 3_600_000,
  /** One event of a stream, or a whole answer, of which the usage is read. */
  modelEventBytes: 32 * MiB,
  /** Of what a provider says when it refuses. */
  modelRefusalBytes: 64 * KiB,
  /** Of an answer whose tokens nobody reported: so many may have been made a second. */
  modelTokensPerSecond: 400,
  modelTries: 6,
  /** The longest that a provider may tell us to wait. */
  modelWaitMs: 300_000,
  modelRetryMinMs: 1_000,
  modelRetryMaxMs: 60_000,
  /** Of one answer; what a model may say at most where it says nothing of its own. */
  modelAnswerBytes: 8 * MiB,
  /** Of what a tool call is about to do, in the event that tells of it. */
  toolShownChars: 8_000,
  /** What an agent and its tools say is written to the log in pieces, this often. */
  agentPieceMs: 100,
  /** A file that the agent reads or edits. */
  agentFileBytes: 8 * MiB,
  /** A command that is told to end has this long. */
  toolKillMs: 2_000,
  mcpServersPerTask: 16,
  mcpToolsPerServer: 64,
  mcpDescriptionChars: 2_000,
  mcpSchemaBytes: 32 * KiB,
  mcpMessageBytes: 8 * MiB,
  mcpStartMs: 30_000,
  acpMessageBytes: 8 * MiB,
  acpStartMs: 60_000,
  acpTerminalsPerTask: 16,
  /** How often the work of an agent of somebody else is saved while a prompt goes on. */
  agentSaveMs: 60_000,
  /** Agents of others that a hub knows by name. */
  agentsPerHub: 32,
  /** Of a command line that an operator names for the inside of a sandbox. */
  taskWordsPerProgram: 100,
  taskWordChars: 4_096,
  vaultValueBytes: 64 * KiB,
  keysPerOrg: 200,
  gitPackBytes: 2 * GiB,
  gitRequestMs: 600_000,
  mirrorsBytes: 50 * GiB,
  /** How often the folder of a fetch is looked at, to end one that brings too much. */
  gitLookMs: 250,
  gitOutputBytes: 64 * MiB,
  /** What was fetched so recently is new enough for a worker. */
  mirrorFreshMs: 60_000,
  /** How long the name of the default branch is believed. */
  mirrorHeadMs: 3_600_000,
  packsPerMirror: 50,
  /** Of a worker's fetch: what it has and wants, not what it gets. */
  gitRequestBytes: 16 * MiB,
  gitRequestsPerTask: 8,
  gitWantsPerRequest: 1_000,
  gitCommandsPerPush: 100,
  gitCommandBytes: 64 * KiB,
  gitRefsPerTask: 500,
  /** How long what a task pushed is kept after its end, to be looked at and gone on from. */
  taskRepositoryMs: 30 * 24 * 3_600_000,
  /** How often a hub looks whether what it keeps is of tasks that there still are. */
  taskFoldersLookMs: 60_000,
  /** All that a task pushed. */
  gitTaskBytes: 4 * GiB,
  diffFilesPerTask: 5_000,
  entriesPerFolder: 10_000,
  taskFileBytes: MiB,
  checkoutsPerMirror: 2,
  checkoutMs: 120_000,
  hooksPerOrg: 100,
  hookBodyBytes: 5 * MiB,
  hookWindowMs: 300_000,
  /** Deliveries are known for so long; an older one is refused. */
  hookKeptMs: 7 * 24 * 3_600_000,
  /** Of which it is known what became of them. */
  deliveriesPerHook: 30,
  hookRefusalMs: 60_000,
  hookTriesPerMinute: 120,

  // Workflows
  workflowFileBytes: 256 * KiB,
  /** Of one text in the file. */
  workflowTextBytes: 64 * KiB,
  workflowAliases: 50,
  workflowDepth: 40,
  /** Maps in maps and workflows in workflows, in all. */
  scopeDepth: 8,
  /** The longest time that a file can name. */
  workflowMs: 366 * 24 * 3_600_000,
  stepsPerScope: 200,
  needsPerStep: 50,
  inputsPerWorkflow: 50,
  attemptsPerStep: 20,
  attemptRetryMaxMs: 3_600_000,
  /** A step in whose middle the engine ended so often is given up. */
  interruptionsPerStep: 10,
  stepMs: 600_000,
  /** How long a step that was told to stop is waited for. */
  stepStopMs: 5_000,
  /** Timers of a system overflow, and stand still while it sleeps: the clock is looked at so often. */
  workflowLookMs: 600_000,
  workflowRequestMs: 24 * 3_600_000,
  /** Of a file's trigger. */
  globsPerTrigger: 20,
  /** How long nothing more may change, where the file does not say. */
  filesQuietMs: 2_000,
  /** What changes all the time is not waited for longer. */
  filesLongestMs: 300_000,
  /** That one event of files names. */
  pathsPerEvent: 1_000,
  /** A schedule that is later has missed its time. */
  scheduleLateMs: 300_000,
  /** Of those, how many are made up for where all are. */
  missedPerSchedule: 100,
  /** Runs that start each other by their ends. */
  runsPerChain: 10,
  /** At a hub. */
  triggersPerOrg: 500,
  /** Of a schedule, that are shown at once. */
  timesPerTrigger: 100,
  /** Events of triggers that one hub decides about in one look. */
  triggersPerLook: 100,
  /** What changed is gathered for so long before it is kept. */
  changesGatherMs: 500,
  itemsPerMap: 10_000,
  parallelPerMap: 100,
  stepsAtOnce: 100,
  roundsPerRepeat: 1_000,
  workflowGateMs: 30 * 24 * 3_600_000,
  signalsPerRun: 1_000,
  /** Larger results are assets. */
  workflowInlineBytes: 64 * KiB,
  workflowValueBytes: 8 * MiB,
  /** What is decided without waiting for anything is written once it has so many events, or so much of results. */
  workflowGroupEvents: 100,
  workflowGroupBytes: 256 * KiB,
  /** At a hub: of an org, that have not ended. */
  workflowRunsPerOrg: 20_000,
  /** That one hub has in memory at a time. */
  workflowsAtOnce: 200,
  filesPerWorkflow: 50,
  /** That a process has in memory, the ones that were used last. */
  parsedWorkflowTexts: 50,
  workflowRequestBytes: 4 * MiB,
  /** A run that has nothing to do for longer leaves memory. */
  workflowRestMs: 5_000,
  /** What is due, here or elsewhere, is looked for so often. */
  workflowDueMs: 1_000,
  workflowRetryMaxMs: 60_000,
  /** Events after which the state is kept beside the log. */
  workflowCheckpointEvents: 1_000,
  workflowCheckpointBytes: 8 * MiB,
  workflowLogPageBytes: 4 * MiB,
  sentPerRun: 10_000,
  /** Of all runs that one hub has in memory. */
  hubStepsAtOnce: 400,
  /** That wait in one pool of a process. */
  queueWaitingJobs: 50_000,
  /** A worker that does not renew its job for so long is taken for dead. */
  queueLockMs: 10_000,
  /** How long the queue's server may take to answer, and how long it is left alone when it did not. */
  queueAnswerMs: 2_000,
  queueRestMs: 1_000,
  /** Jobs on their way to it. */
  queueUnderWayJobs: 2_000,
  /** A worker's connection on which nothing is heard for so long is made anew; it waits in turns that are shorter. */
  queueSilentMs: 20_000,
  queueFailedJobs: 100,
  /** Due runs that one look adds to the queue. */
  workflowOfferedRows: 500,
  expressionChars: 4_096,
  /** What the evaluation of one expression may cost: each turn of a loop is one, and more where what it makes is large. */
  expressionItems: 100_000,
} as const

export type Limits = { readonly [K in keyof typeof limits]: number }

/** The times that decide when a device is suspect or offline, divided by `divisor`; all else unchanged. */
export function scaledTimes(divisor: number): Limits {
  const {
    pingMs,
    heartbeatMs,
    suspectMs,
    offlineMs,
    hubBeatMs,
    leaseMs,
    reconnectMaxMs,
    historyQuietMs,
    historyAuthorMs,
    lanGrantMs,
    tlsLookMs,
    snapshotQuietMs,
    workerLookMs,
  } = limits
  const shorter = {
    pingMs,
    heartbeatMs,
    suspectMs,
    offlineMs,
    hubBeatMs,
    leaseMs,
    reconnectMaxMs,
    historyQuietMs,
    historyAuthorMs,
    lanGrantMs,
    tlsLookMs,
    snapshotQuietMs,
    workerLookMs,
  }
  const scaled = Object.fromEntries(Object.entries(shorter).map(([name, ms]) => [name, Math.ceil(ms / divisor)]))
  return { ...limits, ...scaled }
}
