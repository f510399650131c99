/** What is subtle in R's side, asked of R itself without a host. The contract of all kernels is in tests/contract. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bench, textOf } from '../child/test-bench.ts'
import type { KernelEvent } from '../wire/run-log.ts'
import { rLanguage } from './language.ts'

const start = (t: TestContext, unackedBytes?: number) => bench(t, rLanguage('R', process.env), unackedBytes)
const types = (events: KernelEvent[]) => events.map(({ type }) => type)
const failure = (events: KernelEvent[]) => {
  const last = events.at(-1)!
  assert.ok(last.type === 'failed', JSON.stringify(last))
  return last.error
}
const pictures = (events: KernelEvent[]) =>
  events.filter(event => event.type === 'display' && event.parts[0]!.mimeType === 'image/png')

test('KN33 standard output and error keep their order; warnings come at the end of their expression, as in R', async t => {
  const { run } = await start(t)
  const events = await run(
    'cat("a\\n"); message("b"); cat("c\\n")\nf <- function() { warning("careful"); 1 }\nf(); cat("d\\n")',
  )
  // What comes together of one stream is one event or more: only the change of stream tells the order.
  const told = events.flatMap(event => ('text' in event ? [{ type: event.type, text: event.text }] : []))
  const said = told
    .map(({ type, text }, index) => (told[index - 1]?.type === type ? text : `<${type}>${text}`))
    .join('')
  assert.equal(said, '<stdout>a\n<stderr>b\n<stdout>c\n[1] 1\n<stderr>Warning message:\nIn f() : careful\n<stdout>d\n')
  assert.match(JSON.stringify(await run('warnings()')), /In f\(\) : careful/)
  assert.equal(failure(await run('options(warn = 2); f()')).message, '(converted from warning) careful')
})

test('KN40 each page of base graphics is one picture, complete, also where the cell then fails', async t => {
  const { run } = await start(t)
  const [two] = pictures(await run('plot(1:10)\nabline(h = 5)'))
  assert.ok(two?.type === 'display' && Buffer.from(two.parts[0]!.data, 'base64').subarray(1, 4).toString() === 'PNG')
  assert.equal(pictures(await run('plot(1:10); hist(c(1, 2, 2))')).length, 2)
  assert.equal(pictures(await run('par(mfrow = c(1, 2)); plot(1); plot(2)')).length, 1)
  const failed = await run('plot(1:3); stop("after")')
  assert.deepEqual([pictures(failed).length, failure(failed).message], [1, 'after'])
  assert.equal(pictures(await run('pdf(NULL); plot(1); invisible(dev.off())')).length, 0, 'a device of the user’s own')
  assert.equal(pictures(await run('1 + 1')).length, 0)
})

test('the example of docs/kernels.md shows a picture, a display that is replaced, and a table', async t => {
  const docs = await readFile(new URL('../../docs/kernels.md', import.meta.url), 'utf8')
  const { run } = await start(t)
  const events = await run(/```r\n([\s\S]*?)```/.exec(docs)![1]!)
  assert.equal(pictures(events).length, 1)
  const named = events.filter(event => event.type === 'display' && event.id === 'state')
  assert.deepEqual(
    named.map(event => event.type === 'display' && [event.update, event.parts.at(-1)!.data]),
    [
      [undefined, '[1] "counting"'],
      [true, '[1] "done"'],
    ],
  )
  const result = events.find(event => event.type === 'result')
  assert.ok(result?.type === 'result' && result.parts.some(({ mimeType }) => mimeType === 'text/html'))
})

test('KN42 what a cell removes, overwrites, sinks, closes or detaches does not reach the kernel', async t => {
  const { run } = await start(t)
  await run('x <- 1; rm(list = ls()); c <- stop; list <- 3; paste0 <- 4; print <- function(...) stop("mine")')
  await run(
    'while (search()[2] != "package:stats") detach(2); closeAllConnections(); options(OutDec = ",", encoding = "latin1")',
  )
  assert.equal(textOf(await run('sink("sunk.txt"); cat("hidden"); 5'), 'stdout'), '')
  assert.equal(
    textOf(await run('sink(); cat(readLines("sunk.txt", warn = FALSE), sep = "|")'), 'stdout'),
    'hidden[1] 5',
  )
  assert.deepEqual(types(await run('display(1)')), ['started', 'display', 'completed'])
  assert.equal(textOf(await run('sink(textConnection("mine", "w"), type = "message"); message("m")'), 'stderr'), '')
  assert.equal(textOf(await run('sink(type = "message"); cat(mine)'), 'stdout'), 'm')
})

test('KN11 variables, completion and documentation run no promise and no active binding', async t => {
  const { adapter, run } = await start(t)
  await run(
    'delayedAssign("lazy", file.create("ran")); makeActiveBinding("act", function() list(n = file.create("ran")), globalenv())',
  )
  await run('x <- list(alpha = 1); y <- 1:3')
  const { items } = (await adapter.variables()) as { items: { name: string; preview: string }[] }
  assert.deepEqual(
    items.map(({ name }) => name),
    ['act', 'lazy', 'x', 'y'],
  )
  assert.equal(items[1]!.preview, 'file.create("ran")')
  for (const code of ['act$', 'lazy$', 'act', 'lazy']) {
    await adapter.complete(code, code.length)
    await adapter.inspect(code, code.length)
  }
  assert.equal(textOf(await run('cat(file.exists("ran"))'), 'stdout'), 'FALSE')
  assert.deepEqual(await adapter.complete('é; x$al', 7), { from: 3, to: 7, items: [{ label: 'x$alpha' }] })
})

test('KN11 a question while a cell runs is answered with nothing at once; a cell that comes during one waits for it', async t => {
  const { adapter, start: begin, run } = await start(t)
  const busy = begin('cat("on\\n"); Sys.sleep(0.3)')
  await busy.when(event => event.type === 'stdout')
  assert.deepEqual(await adapter.variables(), { items: [], truncated: false })
  await busy.ended
  const question = adapter.inspect('mean', 4)
  assert.equal(textOf(await run('cat("after")'), 'stdout'), 'after')
  assert.match(((await question) as { text: string }).text, /Arithmetic Mean/)
})

test('KN21 an interrupt ends what waits for a child, a blocked write, and is caught where the program catches it', async t => {
  const { adapter, start: begin, run } = await start(t, 100_000)
  const child = begin('cat("on\\n"); system("sleep 60"); cat("never\\n")')
  await child.when(event => event.type === 'stdout')
  await sleep(100)
  adapter.interrupt()
  assert.deepEqual([textOf(await child.ended, 'stdout'), (await child.ended).at(-1)!.type], ['on\n', 'cancelled'])
  const caught = begin(
    'tryCatch({ cat("on\\n"); Sys.sleep(60) }, interrupt = function(e) cat("caught\\n")); cat("goes on\\n")',
  )
  await caught.when(event => event.type === 'stdout')
  await sleep(50)
  adapter.interrupt()
  assert.equal(textOf(await caught.ended, 'stdout'), 'on\ncaught\ngoes on\n')
  assert.equal((await caught.ended).at(-1)!.type, 'completed')
  assert.equal(textOf(await run('cat("still")'), 'stdout'), 'still')
})

test('KN32 a forked R may tell, and is no second kernel when an interrupt or an exit ends it', async t => {
  const { adapter, start: begin, run } = await start(t)
  const told = await run(
    'parallel::mclapply(1:3, function(i) { message("m", i); display(i) }, mc.cores = 3); message("own")',
  )
  assert.deepEqual(textOf(told, 'stderr').trim().split('\n').sort(), ['m1', 'm2', 'm3', 'own'])
  assert.equal(told.filter(({ type }) => type === 'display').length, 3)
  const sleeping = begin('cat("on\n"); parallel::mclapply(1:2, function(i) Sys.sleep(60), mc.cores = 2)')
  await sleeping.when(event => event.type === 'stdout')
  await sleep(300)
  adapter.interrupt()
  assert.equal((await sleeping.ended).at(-1)!.type, 'cancelled')
  await run('x <- suppressWarnings(parallel::mclapply(1:2, function(i) q(), mc.cores = 2))')
  for (const text of ['one', 'two']) assert.equal(textOf(await run(`cat("${text}")`), 'stdout'), text)
})

test('KN14 KN21 a write that nobody acknowledges blocks the program, and an interrupt breaks it', async t => {
  const { adapter, log, start: begin } = await start(t, 50_000)
  begin('repeat cat(strrep("x", 9999), "\\n")').ended.catch(() => undefined)
  log.onFrame = () => undefined
  for (let i = 0; i < 1000 && log.hasRoom; i++) await sleep(20)
  await sleep(300)
  const held = log.current!.bytes
  assert.ok(held > 50_000 && held < 400_000, `${held}`)
  await sleep(200)
  assert.equal(log.current!.bytes, held, 'blocked')
  adapter.interrupt()
  for (let i = 0; i < 100 && log.current; i++) await sleep(20)
  assert.equal(log.current, undefined)
})

test('KN24 readline, readLines and scan ask; an answer is for the question that is open', async t => {
  const { adapter, cwd, start: begin, run } = await start(t)
  await writeFile(join(cwd, 'x.txt'), 'a b\n')
  const asking = begin(
    'a <- readline("A? "); b <- readLines(stdin(), 2); d <- scan(n = 2, quiet = TRUE); cat(a, b, sum(d), sep = "|")',
  )
  const answers = ['one', 'two', 'three', '4 5']
  for (const [index, answer] of answers.entries()) {
    await asking.when(() => asking.events.filter(({ type }) => type === 'input-request').length === index + 1)
    const request = asking.events.findLast(event => event.type === 'input-request')
    assert.ok(request?.type === 'input-request')
    assert.equal(adapter.input('other', 'x'), false)
    assert.equal(adapter.input(request.id, answer), true)
    assert.equal(adapter.input(request.id, 'again'), false)
  }
  assert.equal((await asking.ended).at(-1)!.type, 'completed', JSON.stringify(asking.events.at(-1)))
  assert.equal(
    textOf(await run('cat(scan(text = "1 2", quiet = TRUE), scan("x.txt", "", quiet = TRUE))'), 'stdout'),
    '1 2 a b',
  )
  assert.match(textOf(await asking.ended, 'stdout'), /one\|two\|three\|9$/)
})

test('KN23 a traceback shows the lines of the cells that led to it, and of endless recursion its ends', async t => {
  const { run } = await start(t)
  await run('outer <- function(g) {\n  lapply(1, function(i) {\n    g(i)\n  })\n}')
  const { traceback } = failure(await run('outer(function(x) {\n  x + "a"\n})'))
  assert.deepEqual(traceback, [
    'at demo#1: outer(function(x) {',
    'at demo#2: lapply(1, function(i) {',
    'at demo#3: g(i)',
    'at demo#2: x + "a"',
    'Error in x + "a" : non-numeric argument to binary operator',
  ])
  assert.deepEqual(failure(await run('stop("top")')).traceback, ['at demo#1: stop("top")', 'Error: top'])
  assert.match(failure(await run('x <- (')).message, /^demo:2:0: unexpected end of input/)
  const endless = failure(await run('f <- function(n) {\n  f(n + 1)\n}\nf(1)'))
  assert.match(endless.message, /infinite recursion|C stack usage/)
  assert.ok(endless.traceback.length < 50)
  assert.equal(textOf(await run('cat("still")'), 'stdout'), 'still')
})

test('KN16 KN17 hostile cells end as what they are, and the kernel goes on', async t => {
  const { run } = await start(t)
  const last = async (code: string) => (await run(code)).at(-1)!.type
  assert.equal(await last('reg.finalizer(new.env(), function(e) stop("finalizer")); invisible(gc())'), 'completed')
  assert.equal(await last('invokeRestart("abort")'), 'cancelled')
  assert.equal(await last('base::quit(status = 4)'), 'failed')
  assert.equal(await last('q("no")'), 'completed')
  assert.equal(await last('browser()'), 'completed')
  assert.equal(await last('stop(structure(class = c("odd", "error", "condition"), list()))'), 'failed')
  assert.equal(await last('print.bad <- function(x, ...) stop("no"); structure(1, class = "bad")'), 'failed')
  assert.equal(await last('Sys.setlocale("LC_ALL", "C"); "\\u00e9"'), 'completed')
  assert.equal(await last(''), 'completed')
  const odd = await run('cat("```\\n\\033[31m\\033]mb;x;m1\\a\\xff\\n"); system("printf \'a\\\\000b\'")')
  assert.equal(textOf(odd, 'stdout'), '```\n\x1b[31m\x1b]mb;x;m1\x07\ufffd\na\0b')
  const lines = textOf(await run('for (i in 1:20000) cat("line", i, "\\n")'), 'stdout').split('\n')
  assert.deepEqual([lines.length, lines[19_999]], [20_001, 'line 20000 '])
  assert.equal(textOf(await run('cat("still")'), 'stdout'), 'still')
})

test('KN41 the library of a project with renv is used, and its .Rprofile is not run', async t => {
  const made = await start(t)
  const place = textOf(
    await made.run('cat(paste0("R-", getRversion()[1, 1:2]), R.version$platform, sep = "/")'),
    'stdout',
  )
  const library = join(made.cwd, 'renv/library', place)
  await mkdir(library, { recursive: true })
  await writeFile(join(made.cwd, '.Rprofile'), 'cat("profile of the project\\n")')
  const again = await bench(t, { ...rLanguage('R', process.env) }, undefined, made.cwd)
  const shown = textOf(await again.run('cat(.libPaths(), sep = "\\n")'), 'stdout')
  assert.ok(shown.startsWith(library), shown)
  assert.doesNotMatch(shown, /profile of the project/)
})

test('KN34 when R is killed, what it had printed is told and the kernel ends likewise', async t => {
  const { start: begin, death } = await start(t)
  const run = begin('cat("last words"); tools::pskill(Sys.getpid(), 9)')
  run.ended.catch(() => undefined)
  assert.deepEqual(await death, { code: null, signal: 'SIGKILL' })
  assert.equal(textOf(run.events, 'stdout'), 'last words')
})
