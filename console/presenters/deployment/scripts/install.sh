for needed in python3 restic; do
    if ! command -v "$needed" >/dev/null; then
        echo "$needed is missing: $packages" >&2
        exit 78
    fi
done

program=/usr/local/bin/rollcall-agent
folder=$(dirname "$program")
mkdir -p "$folder"
download=$(mktemp "$folder/.rollcall-agent.XXXXXX")
trap 'rm -f "$download"' EXIT
fetch "$server/agent/rollcall-agent" "$download"
if [ "$(sha256_of "$download")" != "$sha256" ]; then
    echo 'The program that was downloaded is not the expected one: take the present commands.' >&2
    exit 1
fi
chmod 0755 "$download"
mv -f "$download" "$program"

# In the environment, as every user of the computer can read arguments.
export ROLLCALL_POLICY_TOKEN="$token"
"$program" deploy --server "$server" --username "$person"
