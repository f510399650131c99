# Questions to the person: reading a line from standard input asks for it.

struct ExitCell <: Exception
    status::Int
end

const asked = Ref(0)

function ask(prompt::AbstractString)
    asked[] += 1
    number = string(asked[])
    tell("ask"; ask = asked[], prompt = prompt, password = false)
    while true
        order = disable_sigint(next_order)
        order[1] == "quit" && leave(0)
        field(order, 2) == number || continue
        order[1] == "input" && return field(order, 3)
        order[1] == "cancel" && throw(InterruptException())
    end
end

# What stands in the last line, without an end, is not known here: the prompt is in the output before it.
function Base.readline(io::Base.PipeEndpoint; keep::Bool = false)
    io === stdin || return invoke(readline, Tuple{IO}, io; keep = keep)
    line = first(split(ask(""), '\n'))
    keep ? line * "\n" : String(line)
end

# An exit of a cell is not one of the kernel (KN22).
Base.exit(status::Integer) = throw(ExitCell(status))
