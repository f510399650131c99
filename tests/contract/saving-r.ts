/** What R saves, in its own kernel and in IRkernel. */
import type { SavingLanguage } from './saving.ts'

export const r: SavingLanguage = {
  language: 'r',
  make: `
library(splines)
numbers <- seq(0.5, 500, by = 0.5)
text <- c("a", NA, "ü")
frame <- data.frame(x = 1:3, y = factor(c("u", "v", "u")), z = I(list(1, "a", NULL)[1:3]))
shared <- new.env()
shared$count <- 1
holder <- list(env = shared, f = function() shared$count)
make_counter <- function() { count <- 0; list(up = function() { count <<- count + 1; count }, get = function() count) }
counter <- make_counter()
invisible(counter$up())
double <- function(x, by = 2) x * by
model <- lm(dist ~ speed, cars)
formula <- y ~ x + z
setClass("Person", representation(name = "character"))
setGeneric("greet", function(who) standardGeneric("greet"))
setMethod("greet", "Person", function(who) paste("hello", who@name))
ann <- new("Person", name = "Ann")
Account <- setRefClass("Account", fields = list(total = "numeric"), methods = list(add = function(x) { total <<- total + x; invisible(.self) }))
account <- Account$new(total = 5)
print.special <- function(x, ...) cat("special\\n")
thing <- structure(1, class = "special")
matrix_ <- matrix(1:6, 2)
options(digits = 4)
Sys.setenv(CHANGED = "yes")
dir.create("below", showWarnings = FALSE)
set.seed(3)
invisible(runif(2))
setwd("below")

connection <- file("held.txt", "w")
inside <- list(connection, 1)
pointer <- methods::getClass("numeric")@prototype
makeActiveBinding("active", function() 1, globalenv())
rm(pointer)
`,
  show: `
cat(sum(numbers), text, class(frame$y), levels(frame$y), dim(frame), "\\n")
cat(holder$f(), identical(holder$env, shared), counter$get(), double(4), "\\n")
cat(round(coef(model), 2), all.vars(formula), greet(ann), account$total, is(account, "Account"), "\\n")
print(thing)
cat(dim(matrix_), pi, Sys.getenv("CHANGED"), basename(getwd()), "package:splines" %in% search(), "\\n")
saved_seed <- .Random.seed
cat(runif(1), "\\n")
.Random.seed <- saved_seed
rm(saved_seed)
`,
  shown: `250250 a NA ü factor u v 3 3 
1 TRUE 1 8 
-17.58 3.93 y x z hello Ann 5 TRUE 
special
2 3 3.142 yes below TRUE 
0.3849 
`,
  change: {
    code: 'shared$count <- 7; cat(holder$f(), counter$up(), counter$get(), account$add(2)$total, "\\n")',
    printed: '7 2 2 7 \n',
  },
  lost: { connection: /open connection/, inside: /it holds an open connection/, active: /active binding/ },
  small: { code: 'numbers[500] <- -1', mostBytes: 30_000 },
  busy: 'Sys.sleep(60)',
  isFresh: { code: 'cat(exists("shared"))', printed: 'FALSE' },
}
