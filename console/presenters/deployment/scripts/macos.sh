# Jamf's parameters 4 and 5 count instead of the values above. Everybody at the Mac can read them while this runs.
server=${4:-$server}
token=${5:-$token}
person=$(person)
if [ -z "$person" ]; then
    echo 'Nobody has signed in at this Mac: Jamf runs this again at the next check-in.' >&2
    exit 75
fi
# Jamf starts scripts with a short list of folders.
PATH=/usr/local/bin:/opt/homebrew/bin:$PATH
export PATH
packages='install its package first.'
fetch() {
    curl --fail --silent --show-error --output "$2" "$1"
}
sha256_of() {
    shasum -a 256 "$1" | cut -d ' ' -f 1
}
