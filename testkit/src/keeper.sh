# The keeper of a server: waits until nobody uses it, stops it, and removes its directory.
#
#   $1  the server's directory
#   $2  the name of the FIFO in it
#   $3  for how many tenths of a second to wait for the first user
#
# Every process that uses the server holds the FIFO open for writing, so the kernel tells when the last one is gone,
# however it ended. Whoever comes writes a line: for how many seconds the server is to linger after the last one has
# left.

trap '' HUP INT QUIT
cd / || exit 1
directory=$1
data=$1/data

is_ours() {
    # The pid in postmaster.pid may long be another process's.
    if [ -e /proc/self/cmdline ]; then
        tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -- "$data"
    else
        ps -p "$1" -o command= 2>/dev/null | grep -qF -- "$data"
    fi
}

stop() {
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
    case $pid in '' | *[!0-9]*) return ;; esac
    is_ours "$pid" || return
    kill -QUIT "$pid"
    tries=0
    while is_ours "$pid"; do
        tries=$((tries + 1))
        [ "$tries" -gt 100 ] && kill -KILL "$pid"
        [ "$tries" -gt 110 ] && return
        sleep 0.1 2>/dev/null || sleep 1
    done
}

# Opening a FIFO for reading alone would wait for the first writer, who may have died before it came.
exec 3<>"$directory/$2" || exit 1
exec 4<"$directory/$2" || exit 1
exec 3>&-

# A read waits while anybody holds the FIFO, and ends at once while nobody does. Until the first line has come, the
# count is in tenths of a second.
linger=$3
tick=0.1
idle=0
while [ "$idle" -lt "$linger" ] || [ "$idle" -eq 0 ]; do
    if read -r answer <&4; then
        idle=0
        tick=1
        case $answer in '' | *[!0-9]*) ;; *) linger=$answer ;; esac
    else
        idle=$((idle + 1))
        [ "$linger" -gt 0 ] && { sleep "$tick" 2>/dev/null || sleep 1; }
    fi
done

# From here on nobody can come any more. Somebody who came at the very last moment is still served.
[ "$2" = leaving ] || mv "$directory/$2" "$directory/leaving"
while read -r answer <&4; do :; done

stop
rm -rf "$directory"
