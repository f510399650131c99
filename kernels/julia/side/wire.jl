# Files and marks: how Julia's side is told something, and tells.

# Those that it was started with: what a cell redirects is not meant.
const out = stdout
const err = stderr
const orders = Base.Filesystem.open(joinpath(scratch, "orders"), Base.Filesystem.JL_O_RDONLY | Base.Filesystem.JL_O_CLOEXEC)
const told = Ref(0)
const barriers = Ref(0)

function json(io::IO, text::AbstractString)
    print(io, '"')
    for char in text
        if !isvalid(char)
            print(io, '\ufffd')
        elseif char == '"' || char == '\\'
            print(io, '\\', char)
        elseif char < ' '
            print(io, "\\u", string(UInt32(char); base = 16, pad = 4))
        else
            print(io, char)
        end
    end
    print(io, '"')
end

json(io::IO, value::Union{Bool,Integer}) = print(io, value)
json(io::IO, ::Nothing) = print(io, "null")

function json(io::IO, values::AbstractVector)
    print(io, '[')
    for (index, value) in enumerate(values)
        index > 1 && print(io, ',')
        json(io, value)
    end
    print(io, ']')
end

function json(io::IO, object::NamedTuple)
    print(io, '{')
    for (index, key) in enumerate(keys(object))
        index > 1 && print(io, ',')
        json(io, String(key))
        print(io, ':')
        json(io, object[key])
    end
    print(io, '}')
end

function put(stream::IO, word::AbstractString)
    write(stream, "\e]mb;" * nonce * ";" * word * "\a")
    flush(stream)
end

# What is behind it in either stream is shown after all that is before it in both.
function barrier()
    disable_sigint() do
        flush(stdout)
        flush(stderr)
        Libc.flush_cstdio()
        barriers[] += 1
        put(out, "b$(barriers[])")
        put(err, "b$(barriers[])")
    end
end

function tell(kind::AbstractString; fields...)
    disable_sigint() do
        told[] += 1
        body = sprint(json, merge((told = kind,), values(fields)))
        write(joinpath(scratch, "m$(told[])"), body)
        put(out, "m$(told[])")
    end
    nothing
end

function next_number()
    digits = UInt8[]
    while true
        # Tasks of the user go on meanwhile.
        FileWatching.poll_fd(orders.handle; readable = true)
        byte = read(orders, UInt8)
        byte == 0x0a && return parse(Int, String(digits))
        push!(digits, byte)
    end
end

# The fields of the next order: its name, then texts.
function next_order()
    path = joinpath(scratch, "o$(next_number())")
    text = read(path, String)
    rm(path)
    String.(split(text, '\0'))
end

leave(status) = ccall(:jl_exit, Cvoid, (Int32,), status)
