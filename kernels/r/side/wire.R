# Files and marks: how R's side is told something, and tells.

state$told <- 0L
state$pid <- Sys.getpid()
state$barriers <- 0L

# Written to the pipe by its name, so that neither a sink nor a closed connection is in the way.
put <- function(stream, word) {
  pipe <- fifo(file.path(scratch, stream), "wb", blocking = TRUE)
  on.exit(close(pipe))
  writeBin(charToRaw(paste0("\033]mb;", nonce, ";", word, "\a")), pipe)
}

mark <- function(word) suspendInterrupts({
  flush(getConnection(1L))
  put("stdout", word)
})

# What is behind it in either stream is shown after all that is before it in both.
barrier <- function() suspendInterrupts({
  flush(getConnection(1L))
  state$barriers <- state$barriers + 1L
  for (stream in c("stdout", "stderr")) put(stream, paste0("b", state$barriers))
})

write_bytes <- function(name, bytes) {
  target <- file(file.path(scratch, name), "wb")
  on.exit(close(target))
  writeBin(bytes, target)
}

# A copy of R that a cell has forked has numbers of its own.
next_name <- function(letter) {
  state$told <- state$told + 1L
  own <- if (is_fork()) Sys.getpid() %% 1e6 * 1e6 else 0
  sprintf("%s%.0f", letter, own + state$told)
}

is_fork <- function() Sys.getpid() != state$pid

# A fork that comes out of its cell's code is not to be a second kernel, nor to clean up after the first.
end_fork <- function() if (is_fork()) tools::pskill(Sys.getpid(), 9L)

tell <- function(kind, ...) suspendInterrupts({
  name <- next_name("m")
  write_bytes(name, charToRaw(json(list(told = kind, ...))))
  mark(name)
})

# The number of the next order, or NA if there will be none.
next_number <- function() {
  pipe <- fifo(file.path(scratch, "orders"), "rb", blocking = TRUE)
  on.exit(close(pipe))
  bytes <- raw()
  empty <- 0L
  while (empty < 20L) {
    byte <- readBin(pipe, "raw", 1L)
    if (length(byte) == 0L) empty <- empty + 1L
    else if (byte == as.raw(10L)) return(as.integer(rawToChar(bytes)))
    else bytes <- c(bytes, byte)
  }
  NA_integer_
}

# The fields of the next order: its name, then texts.
next_order <- function() suspendInterrupts({
  number <- next_number()
  if (is.na(number)) return("quit")
  path <- file.path(scratch, paste0("o", number))
  bytes <- readBin(path, "raw", file.size(path))
  unlink(path)
  ends <- c(which(bytes == as.raw(0L)), length(bytes) + 1L)
  starts <- c(1L, ends[-length(ends)] + 1L)
  fields <- mapply(function(from, to) rawToChar(bytes[seq_len(to - from) + from - 1L]), starts, ends)
  Encoding(fields) <- "UTF-8"
  fields
})
