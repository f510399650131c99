/** What the kernel contract asks of IRkernel; Debian's package has it and its kernelspec `ir`. */
import type { KernelLanguage } from './kernel.ts'

export const irkernel: KernelLanguage = {
  language: 'r',
  kernelspec: 'ir',
  process: /IRkernel::main/,
  print: text => `cat(${JSON.stringify(text)}, "\\n", sep = "")`,
  setVariable: 'answer <- 42',
  printVariable: 'cat(answer)',
  fail: {
    code: 'f <- function() {\n  stop("bad luck")\n}\nf()',
    name: 'ERROR',
    message: /bad luck/,
    traceback: /f\(\)/,
  },
  ask: 'cat("hi", readline("Name? "))',
  busy: 'while (TRUE) {}',
  sleep: 'Sys.sleep(60)',
  ignoreInterrupt: 'cat("ready\\n"); flush.console(); repeat tryCatch(Sys.sleep(60), interrupt = function(event) NULL)',
  exit3: { none: 'IRkernel tells no status, and the variables go with the process' },
  garbage: 'system("printf \'\\\\377\\\\376 ok\\\\n\'")',
  progress: frames => `for (i in 0:${frames - 1}) cat("\\r", i, sep = "")`,
  megabytes: count => `line <- strrep(paste0(strrep("x", 99), "\\n"), 100)\nfor (i in 1:(${count} * 100)) cat(line)`,
  flood: { none: 'IRkernel takes what is printed through a text connection, at about one megabyte a second' },
  child: {
    program: 'cat("before\\n"); system("echo child"); cat("after\\n")',
    unordered: 'what R prints is a message, what a child writes comes through a pipe',
  },
  slowCount: (count, pauseMs) =>
    `cat("ran\\n", file = "ran.txt", append = TRUE)\nfor (i in 0:${count - 1}) { cat(i, "\\n", sep = ""); flush.console(); Sys.sleep(${pauseMs / 1000}) }`,
  daemon: 'system("setsid sleep 300 </dev/null >/dev/null 2>&1 &")',
  environment: 'print(Sys.getenv())',
  killSelf: 'tools::pskill(Sys.getpid(), 9)',
  complete: { code: 'answ', label: 'answer' },
  inspect: { code: 'nchar', text: /Count the Number of Characters/ },
  variable: { none: 'IRkernel has no request for it' },
  stderr: 'cat("oops\\n", file = stderr())',
  result: { none: 'IRkernel displays values, it tells none as the result' },
  large: 'IRdisplay::display_png(as.raw(rep(1, 100000)))',
}
