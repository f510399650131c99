# Julia's side of the kernel: the standard library only. It is started by ../kernel.ts, takes orders from a pipe, and
# tells in files that marks in its standard output name (KN31 to KN33).
module MeshbookKernel

import Base64
import FileWatching
import REPL

const scratch = ARGS[1]
const nonce = ARGS[2]

include("wire.jl")
include("display.jl")
include("input.jl")
include("errors.jl")
include("cells.jl")
include("questions.jl")

field(order, index) = length(order) >= index ? order[index] : ""

function carry_out(order)
    name = order[1]
    if name == "execute"
        run_cell(field(order, 2), field(order, 3))
    elseif name == "complete"
        answer(() -> completion(field(order, 3)), field(order, 2))
    elseif name == "inspect"
        answer(() -> documentation(field(order, 3)), field(order, 2))
    elseif name == "variables"
        answer(variables, field(order, 2))
    elseif name == "quit"
        leave(0)
    end
end

# The signal is for cells: it is held back everywhere else.
function serve()
    Base.exit_on_sigint(false)
    empty!(ARGS)
    pushdisplay(CellDisplay())
    disable_sigint() do
        tell("ready")
        while true
            # What cells have defined since is known to it.
            Base.invokelatest(carry_out, next_order())
        end
    end
end

end

MeshbookKernel.serve()
