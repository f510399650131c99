# Errors as the host wants them, and warnings and messages where R would print them: on standard error, in order.

shown_frames <- 20L
call_units <- 300L

call_text <- function(call) {
  text <- tryCatch(deparse(call, nlines = 1L)[1L], error = function(e) "")
  substr(text, 1L, call_units)
}

# The call that a condition is about; at the top level there is none, but R names ours.
call_of <- function(condition) {
  call <- tryCatch(conditionCall(condition), error = function(e) NULL)
  if (identical(call, quote(eval(expressions[i], globalenv())))) NULL else call
}

say <- function(text) {
  # Somebody has taken the messages for themselves: then they are in that order.
  if (sink.number("message") != 2L) return(cat(text, file = stderr()))
  barrier()
  cat(text, file = stderr())
  barrier()
}

# "f() : text", with a new line where the whole would be long, as R does.
with_call <- function(call, message) {
  if (is.null(call)) return(message)
  text <- call_text(call)
  first <- strsplit(message, "\n", fixed = TRUE)[[1L]]
  long <- nchar(text, "w") + nchar(if (length(first)) first[1L] else "", "w") + 6L > 77L
  paste0(text, " :", if (long) "\n  " else " ", message)
}

# One line for each frame that stands in a cell: where, and the text that stands there.
frames_of <- function(calls) {
  lines <- vapply(calls, function(call) {
    source <- attr(call, "srcref")
    if (is.null(source)) return(NA_character_)
    file <- attr(source, "srcfile")
    if (!isTRUE(file$meshbook)) return(NA_character_)
    text <- trimws(as.character(source)[1L])
    paste0("at ", file$filename, "#", source[1L], ": ", substr(text, 1L, call_units))
  }, "")
  lines <- lines[!is.na(lines)]
  lines <- lines[c(TRUE, lines[-1L] != lines[-length(lines)])[seq_along(lines)]]
  left <- length(lines) - 2L * shown_frames
  if (left <= 0L) return(lines)
  c(head_of(lines, shown_frames), paste0("... ", left, " more"), lines[seq(length(lines) - shown_frames + 1L, length(lines))])
}

head_of <- function(values, count) values[seq_len(min(count, length(values)))]

error_of <- function(condition, calls) {
  message <- tryCatch(paste(conditionMessage(condition), collapse = "\n"), error = function(e) "an error without a message")
  call <- call_of(condition)
  last <- if (is.null(call)) paste0("Error: ", message) else paste0("Error in ", with_call(call, message))
  traceback <- c(frames_of(calls), strsplit(last, "\n", fixed = TRUE)[[1L]])
  list(name = class(condition)[1L], message = message, traceback = as.list(traceback))
}

state$warnings <- list()
# What `warnings()` tells.
state$last <- list()

last_warnings <- function(...) structure(state$last, dots = list(...), class = "warnings")

# What R itself does with a warning, but told at the end of the expression by us, as nobody else is at the top level.
on_warning <- function(warning) {
  level <- tryCatch(as.integer(getOption("warn"))[1L], error = function(e) 0L)
  if (is.na(level)) level <- 0L
  if (level >= 2L) return()
  if (level == 1L) {
    call <- call_of(warning)
    say(paste0("Warning", if (is.null(call)) ": " else " in ", with_call(call, conditionMessage(warning)), "\n"))
  }
  if (level == 0L) state$warnings[[length(state$warnings) + 1L]] <- warning
  invokeRestart("muffleWarning")
}

on_message <- function(message) {
  say(conditionMessage(message))
  invokeRestart("muffleMessage")
}

warning_text <- function(warning) {
  message <- conditionMessage(warning)
  call <- call_of(warning)
  if (is.null(call)) message else paste0("In ", with_call(call, message))
}

tell_warnings <- function() {
  warnings <- state$warnings
  if (length(warnings) == 0L) return(invisible())
  state$warnings <- list()
  kept <- head_of(warnings, 50L)
  state$last <- structure(lapply(kept, call_of), names = vapply(kept, conditionMessage, ""))
  say(paste0(warnings_text(warnings), "\n"))
}

warnings_text <- function(warnings) {
  count <- length(warnings)
  if (count == 1L) return(paste0("Warning message:\n", warning_text(warnings[[1L]])))
  if (count <= 10L) {
    numbered <- paste0(seq_len(count), ": ", vapply(warnings, warning_text, ""))
    return(paste(c("Warning messages:", numbered), collapse = "\n"))
  }
  many <- if (count >= 50L) "50 or more" else count
  paste0("There were ", many, " warnings (use warnings() to see ", if (count > 50L) "the first 50)" else "them)")
}
