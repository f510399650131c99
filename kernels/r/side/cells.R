# One cell: parsed, evaluated expression by expression in the global environment, and how it ended.

ended <- function(type, ...) list(type = type, ...)

parse_cell <- function(name, code) {
  lines <- strsplit(code, "\r?\n")[[1L]]
  source <- srcfilecopy(name, lines, file.mtime(scratch), isFile = FALSE)
  source$meshbook <- TRUE
  parse(text = lines, srcfile = source, keep.source = TRUE, encoding = "UTF-8")
}

syntax_error <- function(condition) {
  message <- conditionMessage(condition)
  ended("failed", error = list(name = "parseError", message = message, traceback = as.list(strsplit(message, "\n")[[1L]])))
}

exit_end <- function(condition) {
  status <- suppressWarnings(as.integer(condition$status)[1L])
  if (is.na(status)) status <- 1L
  if (status == 0L) return(ended("completed"))
  message <- paste0("exit status ", status)
  ended("failed", error = list(name = "ExitStatus", message = message, traceback = list()))
}

run_expressions <- function(expressions) {
  count <- length(expressions)
  for (i in seq_len(count)) {
    outcome <- withVisible(eval(expressions[i], globalenv()))
    if (outcome$visible) tell_value(outcome$value, last = i == count)
    tell_warnings()
    if (!is.null(state$pattern)) tell_pages()
  }
  ended("completed")
}

# An error is looked at where it happens, while its frames are there.
run_watched <- function(expressions) {
  calls <- list()
  tryCatch(
    withRestarts(
      withCallingHandlers(
        allowInterrupts(run_expressions(expressions)),
        error = function(condition) calls <<- sys.calls(),
        warning = on_warning,
        message = on_message
      ),
      abort = function() ended("cancelled"),
      meshbook_interrupt = function() ended("cancelled")
    ),
    error = function(condition) ended("failed", error = error_of(condition, calls)),
    interrupt = function(condition) ended("cancelled"),
    meshbook_exit = exit_end
  )
}

# An interrupt that came when the last cell had ended is nobody's.
drain_interrupt <- function() {
  forget_interrupt()
  tryCatch(allowInterrupts(for (i in 1:5000) NULL), interrupt = function(condition) NULL)
}

run_cell <- function(name, code) {
  drain_interrupt()
  show_functions()
  tell("begun")
  expressions <- tryCatch(parse_cell(name, code), error = identity)
  end <- if (inherits(expressions, "error")) syntax_error(expressions) else run_watched(expressions)
  end_fork()
  finish(tell_warnings)
  finish(end_plots)
  barrier()
  tell("ended", event = end)
}

# What is left to do at the end of a cell may call what the user has made; it ends the cell all the same.
finish <- function(step) {
  tryCatch(step(), error = function(condition) say(paste0("Error: ", conditionMessage(condition), "\n")),
    interrupt = function(condition) NULL)
}
