# Prints the person at the screen; nothing where only a service or a greeter is there.
person() {
    session=$(loginctl show-seat seat0 --property=ActiveSession --value 2>/dev/null) || return 0
    [ -n "$session" ] || return 0
    name=$(loginctl show-session "$session" --property=Name --value 2>/dev/null) || return 0
    number=$(id -u "$name" 2>/dev/null) || return 0
    # Numbers below 1000 are services, and 65534 is nobody.
    if [ "$number" -ge 1000 ] && [ "$number" -ne 65534 ]; then
        printf '%s\n' "$name"
    fi
}
