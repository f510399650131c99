# Questions to the person. R is not interactive here: its own readline() would answer itself with nothing, and
# readLines(stdin()) would read this kernel.

state$asked <- 0L

ask <- function(prompt, password = FALSE) {
  state$asked <- state$asked + 1L
  tell("ask", ask = state$asked, prompt = paste(prompt, collapse = ""), password = password)
  repeat {
    order <- next_order()
    if (order[1L] == "quit") leave()
    if (length(order) < 2L || order[2L] != as.character(state$asked)) next
    if (order[1L] == "input") return(if (length(order) > 2L) order[3L] else "")
    if (order[1L] == "cancel") interrupted()
  }
}

# The signal is here already. Where the system has lost it, this is an interrupt all the same.
interrupted <- function() {
  allowInterrupts(Sys.sleep(0.01))
  signalCondition(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
  invokeRestart("meshbook_interrupt")
}

go_on_interrupting <- function() {
  if (forget_interrupt()) interrupted()
}

# Whether there was one that came while nobody listened.
forget_interrupt <- function() isTRUE(suppressWarnings(file.remove(file.path(scratch, "interrupted"))))

asked_readline <- function(prompt = "") {
  answer <- ask(prompt)
  cat(prompt, answer, "\n", sep = "")
  strsplit(answer, "\n", fixed = TRUE)[[1L]][1L] -> line
  if (is.na(line)) "" else line
}

is_stdin <- function(con) {
  if (is.character(con)) return(identical(con, "stdin"))
  inherits(con, "connection") && identical(summary(con)$description, "stdin")
}

# As many lines as wanted; without a number, up to an empty line.
ask_lines <- function(count, prompt = "") {
  lines <- character()
  while (count < 0 || length(lines) < count) {
    answer <- ask(prompt)
    if (count < 0 && answer == "") break
    lines <- c(lines, if (answer == "") "" else strsplit(answer, "\n", fixed = TRUE)[[1L]])
  }
  if (count < 0) lines else head_of(lines, count)
}

asked_readLines <- function(con = stdin(), n = -1L, ...) {
  if (is_stdin(con)) ask_lines(n) else base::readLines(con, n, ...)
}

asked_scan <- function(file = "", ...) {
  given <- as.list(match.call(base::scan, as.call(list(quote(scan), file = file, ...))))[-1L]
  if ("text" %in% names(given) || !(identical(file, "") || is_stdin(file))) {
    return(do.call(base::scan, if (identical(file, "")) given[names(given) != "file"] else given, quote = TRUE))
  }
  lines <- character()
  read <- function() do.call(base::scan, c(given[names(given) != "file"], list(text = lines)), quote = TRUE)
  repeat {
    if (!is.null(given[["n"]]) && length(lines) && length(suppressMessages(read())) >= given[["n"]]) break
    answer <- ask(paste0(length(lines) + 1L, ": "))
    if (answer == "") break
    lines <- c(lines, answer)
  }
  if (length(lines) == 0L) lines <- ""
  read()
}
