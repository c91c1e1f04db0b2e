# Runs a command where the unpacked packages lie over /usr and /etc, seen by nobody else.
# In a mount namespace of its own: enter.sh TREE STAGE BINARIES COMMAND...
# Our own programs are in /mnt there, which every user can reach wherever the build folder is.
set -eu
tree=$1 stage=$2 binaries=$3
shift 3
mount -t overlay overlay -o "ro,lowerdir=$stage/usr:$tree/usr:/usr" /usr
mount -t overlay overlay -o "ro,lowerdir=$stage/etc:$tree/etc:/etc" /etc
mount --bind "$binaries" /mnt
# Nobody's mail on this host decides where a test's letter goes, and none of ours is left there.
if [ -d /var/mail ]; then mount --rbind "$stage/mail" /var/mail; fi
exec "$@"
